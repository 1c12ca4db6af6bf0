"""Who judges what Yjs clients write, by what a grant says."""

from __future__ import annotations

import pytest

from protobase_live import F
from protobase_live.permissions.grant import EVERYTHING, Grant, WriteScope
from protobase_live.permissions.permits import judge_of
from protobase_live.query.ast.expressions import Expr


def writing(condition: Expr | None, fields: frozenset[str] | None = None) -> Grant:
    return Grant(writes=(WriteScope(fields=fields, old=condition, new=F.done == True),))  # noqa: E712


def test_who_may_write_everything_is_not_judged() -> None:
    assert judge_of(EVERYTHING) is None


def test_grants_that_say_the_same_have_one_judge() -> None:
    """So somebody who is asked about again while he writes is judged by the same one."""
    assert judge_of(writing(F.owner == "ann")) is judge_of(writing(F.owner == "ann"))


@pytest.mark.parametrize(
    "other",
    [writing(F.owner == "bob"), writing(None), writing(F.owner == "ann", frozenset({"title"}))],
    ids=["condition", "no condition", "fields"],
)
def test_grants_that_say_something_else_have_another_judge(other: Grant) -> None:
    assert judge_of(writing(F.owner == "ann")) is not judge_of(other)


def test_numbers_and_truths_are_not_the_same() -> None:
    assert judge_of(writing(F.n == 1)) is not judge_of(writing(F.n == True))  # noqa: E712
