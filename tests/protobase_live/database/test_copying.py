"""Answers are copied, with pauses where they are long."""

from __future__ import annotations

import pytest

from protobase_live.database.copying import COPIED_ROWS, copied_in_steps
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.protocol.steps import at_once


@pytest.mark.parametrize("answer", [None, 3, {"n": [1]}, [], [["k", {"n": [1]}]] * (COPIED_ROWS + 1)])
def test_a_copy_is_the_same(answer) -> None:
    assert at_once(copied_in_steps(answer)) == answer


async def test_what_was_read_is_the_callers_own(database) -> None:
    await database.commit({"tasks": [Op(RECORDS, "put", ("k", {"tags": ["a"]}, {}))]})
    for question in (Read(RECORDS, "items"), Read(RECORDS, "get", ("k",))):
        found = await database.read("tasks", question)
        (found[0][1] if question.method == "items" else found)["tags"].append("b")
        assert await database.read("tasks", Read(RECORDS, "get", ("k",))) == {"tags": ["a"]}


def test_a_long_answer_is_copied_with_pauses() -> None:
    steps = copied_in_steps([["k", {}]] * (2 * COPIED_ROWS + 1))
    assert sum(1 for _ in steps) == 3
