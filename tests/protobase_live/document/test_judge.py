"""What is surely not refused, as it is told before an update is taken."""

from __future__ import annotations

from typing import Any, Literal

import pytest

import protobase_live as pb
from protobase_live.document import Judge, Rules, Scope
from protobase_live.protocol.yjs.structs import TYPED, Aim


class Task(pb.Atom):
    title: str
    size: Literal["s", "m"] = "s"
    weight: float = 0.0
    note: pb.Text = ""
    any: Any = None


def never(row: object) -> bool:
    return False


def title(value: object) -> Aim:
    return Aim("records", "title", value)


BODY, NOTE = Aim("body"), Aim("records", "note", TYPED)
FITTED = Judge(schema=Task)
TITLES = Scope(fields=frozenset({"title"}), structures=frozenset({"body"}))


@pytest.mark.parametrize(
    ("judge", "aim", "lets"),
    [
        (Judge(), title([1]), True),
        (Judge(), Aim("records"), True),
        (Judge(read_only=True), BODY, False),
        (FITTED, BODY, True),
        (FITTED, title("five"), True),
        (FITTED, title(5), False),
        (FITTED, title(TYPED), False),
        (FITTED, NOTE, True),
        (FITTED, Aim("records", "any", TYPED), False),
        (FITTED, Aim("records", "size", "m"), True),
        (FITTED, Aim("records", "size", "x"), False),
        (FITTED, Aim("records", "size", TYPED), False),
        (FITTED, Aim("records", "weight", 2.0), True),
        (FITTED, Aim("records", "weight", float("nan")), False),
        (FITTED, Aim("records", "more", None), False),
        (FITTED, Aim("records"), False),
        (Judge(scopes=(TITLES,)), title([1]), True),
        (Judge(scopes=(TITLES,)), NOTE, False),
        (Judge(scopes=(TITLES,)), BODY, True),
        (Judge(scopes=(TITLES,)), Aim("other"), False),
        (Judge(scopes=(TITLES, Scope())), Aim("other"), True),
        (Judge(scopes=(TITLES, Scope())), Aim("records"), True),
        (Judge(scopes=(TITLES, Scope(old=never))), title(1), True),
        (Judge(scopes=(TITLES, Scope(old=never))), NOTE, False),
        (Judge(scopes=(TITLES, Scope(new=never))), NOTE, False),
        (Judge(scopes=(Scope(records=False),)), title(1), False),
        (Judge(scopes=(TITLES,), schema=Task), title("five"), True),
        (Judge(scopes=(TITLES,), schema=Task), title(5), False),
        (Judge(scopes=()), BODY, False),
    ],
)
def test_what_is_surely_let(judge: Judge, aim: Aim, lets: bool) -> None:
    assert judge.lets(*aim) is lets


def test_one_judge_and_one_schema_make_one_judge() -> None:
    """What it has found out of its rules is kept."""
    rules, judge = Rules(Task), Judge(scopes=(TITLES,))
    assert rules.bind(judge) is rules.bind(judge)
    assert rules.bind(judge) is not rules.bind(Judge(scopes=(TITLES,)))
    assert rules.bind(None) == rules.bind(None)
    assert Rules().bind(judge) is judge
