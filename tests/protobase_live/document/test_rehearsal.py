"""Values are checked once on their way in, at whichever door they come."""

from __future__ import annotations

from typing import Any

import pytest

import protobase_live as pb
from protobase_live.errors import KindMismatch, ValidationError
from protobase_live.model.operations import RECORDS, CheckedOp, Op, Target
from protobase_live.model.values import checking
from protobase_live.protocol.live.fields import op_form, parse_op

MARKER = "looked at"


@pytest.fixture
def looks(monkeypatch) -> list[Any]:
    """One entry for each time that the marker is checked, as a value or an atom."""
    found: list[Any] = []

    class Counting(checking.Checker):
        def value(self, value: Any, depth: int) -> Any:
            found.extend([value] if value == MARKER else [])
            return super().value(value, depth)

        def atom(self, value: Any, depth: int) -> Any:
            found.extend([value] if value == MARKER else [])
            return super().atom(value, depth)

    monkeypatch.setattr(checking, "Checker", Counting)
    return found


@pytest.fixture
def document(made):
    return made()


@pytest.fixture
async def tasks():
    async with pb.open("memory:") as db:
        yield await db.collection("tasks")


async def test_a_value_of_a_record_is_checked_once(tasks, looks) -> None:
    await tasks.insert({"title": MARKER}, key="a")
    await tasks.update("a", {"title": "other", "tags": [{"deep": MARKER}]})
    assert len(looks) == 2


async def test_a_value_of_a_structure_is_checked_once(tasks, looks) -> None:
    await tasks.list("order").append(MARKER)
    await tasks.set("tags").add("other")
    assert len(looks) == 1


async def test_a_text_for_a_field_that_merges_is_checked_once(tasks, looks) -> None:
    class Note(pb.Atom):
        text: pb.Text

    async with pb.open("memory:") as db:
        notes = await db.collection("notes", Note)
        await notes.insert(text=MARKER, key="a")
    assert len(looks) == 1


def test_what_came_over_a_wire_is_checked_once(document, looks) -> None:
    checked = CheckedOp(RECORDS, "insert", ("a", {"title": MARKER}, {}))
    with document.writing():
        document.write(document.rehearse([parse_op(op_form(checked), "ops")]))
    assert len(looks) == 1


@pytest.mark.parametrize(
    ("target", "action", "args"),
    [
        (RECORDS, "insert", ("a", {"title": object()}, {})),
        (RECORDS, "burn", ("a",)),
        (Target("list", ("order",)), "append", (object(),)),
    ],
)
def test_what_is_no_value_is_refused_where_nobody_checked_it(document, target, action, args) -> None:
    with pytest.raises(ValidationError):
        document.rehearse([Op(target, action, args)])


LIST_OP = Op(Target("list", ("new",)), "extend", (["x"],))
DICT_OP = Op(Target("dict", ("new",)), "set", ("x", 1))
SET_OP = Op(Target("set", ("new",)), "add", ("x",))


@pytest.mark.parametrize(
    ("ops", "said"),
    [
        ([LIST_OP, DICT_OP], "'new' is a list earlier in the same transaction, not a dict"),
        ([DICT_OP, SET_OP], "'new' is a dict earlier in the same transaction, not a set"),
    ],
)
def test_a_new_root_is_made_as_one_kind(document, ops, said) -> None:
    with pytest.raises(KindMismatch, match=f"^{said}$"):
        document.rehearse(ops)


async def as_two_kinds(tx: pb.Transaction) -> None:
    await tx["tasks"].list("new").append("x")
    await tx["tasks"].dict("new").set("x", 1)


async def test_a_transaction_that_makes_a_root_as_two_kinds_is_refused_and_the_next_is_carried_out() -> None:
    async with pb.open("memory:") as db:
        with pytest.raises(pb.KindMismatch, match=r"^tasks: 'new' is a list earlier"):
            await db.transact(as_two_kinds)
        tasks = await db.collection("tasks")
        await tasks.dict("new").set("x", 1)
        assert await tasks.dict("new").items() == {"x": 1}


def test_the_program_keeps_nothing_that_was_checked(document) -> None:
    """What it does to its list later must not reach what is written."""
    tags = ["x"]
    (checked,) = document.rehearse([Op(RECORDS, "insert", ("a", {"tags": tags}, {}))])
    tags.append("y")
    assert isinstance(checked, CheckedOp)
    assert checked == Op(RECORDS, "insert", ("a", {"tags": ["x"]}, {}))
