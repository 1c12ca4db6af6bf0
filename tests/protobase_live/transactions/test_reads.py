"""What a transaction relies on: one check for each question."""

import pytest

from protobase_live.errors import Conflict
from protobase_live.model import values
from protobase_live.model.operations import Check, Read, Target
from protobase_live.transactions.reads import Reads

FLAGS = Target("set", ("flags",))


class Answering:
    """A backend that gives prepared answers."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def read(self, collection, read):
        return self.answers.pop(0)


async def test_a_question_asked_again_is_checked_once():
    reads = Reads(Answering(1, 1), 10)
    read = Read(FLAGS, "count")
    assert await reads.ask("tasks", read) == 1
    assert await reads.ask("tasks", read) == 1
    assert list(reads.checks) == [Check("tasks", read, values.digest(1))]


async def test_two_answers_to_one_question_are_a_conflict():
    reads = Reads(Answering(1, 2), 10)
    await reads.ask("tasks", Read(FLAGS, "count"))
    with pytest.raises(Conflict, match=r"^tasks: the set 'flags' \(count\) changed while"):
        await reads.ask("tasks", Read(FLAGS, "count"))


async def test_one_and_true_are_different_questions():
    reads = Reads(Answering(True, False), 10)
    assert await reads.ask("tasks", Read(FLAGS, "contains", (1,)))
    assert not await reads.ask("tasks", Read(FLAGS, "contains", (True,)))
    assert len(reads.checks) == 2
