"""What a transaction relied on is read again in slices, and not without end."""

import pytest

from protobase_live.collection.checking import CHECK_BYTES, check_in_steps
from protobase_live.collection.digests import PAUSE_BYTES, Digests
from protobase_live.errors import Conflict, LimitExceeded
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Check, Read


def reading(number: int) -> Read:
    """Each is another question."""
    return Read(RECORDS, "get", (f"k{number}",))


def checking(answer, digest, count, most=1_000_000):
    checks = [Check("tasks", reading(number), digest) for number in range(count)]
    return check_in_steps(Digests(lambda read: answer), checks, most)


def test_answers_that_are_the_same_pass():
    assert list(checking("x", values.digest("x"), 3)) == []


def test_an_answer_that_has_changed_is_a_conflict():
    with pytest.raises(Conflict, match=r"^the record 'k0' changed since it was read"):
        list(checking("x", values.digest("y"), 1))


def test_large_answers_are_compared_one_between_two_pauses():
    large = "x" * PAUSE_BYTES
    assert len(list(checking(large, values.digest(large), 5))) == 5


def test_one_long_answer_has_pauses():
    answer = ["x" * 100] * 10_000
    assert len(list(checking(answer, values.digest(answer), 1, most=2_000_000))) > 10


def test_many_small_ones_have_pauses_too():
    count = 4 * (PAUSE_BYTES // CHECK_BYTES)
    assert 3 <= len(list(checking("x", values.digest("x"), count))) <= 4


def test_more_than_the_limit_is_refused():
    answer = "x" * 1_000
    with pytest.raises(LimitExceeded, match=r"at most 5000 bytes .*\(check_bytes\)"):
        list(checking(answer, values.digest(answer), 5, most=5_000))
    assert list(checking(answer, values.digest(answer), 4, most=5_000)) == []
