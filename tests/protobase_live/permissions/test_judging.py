"""What of a transaction may be carried out, by the rows before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from protobase_live.errors import Forbidden, KindMismatch, ProtoBaseError, RecordExists, RecordMissing
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.permissions.grant import Grant, ReadScope, WriteScope
from protobase_live.permissions.permit import GrantPermit
from protobase_live.protocol.steps import at_once
from protobase_live.query.ast.expressions import F

MINE = F.owner == "ann"
ROWS = {"mine": {"owner": "ann", "title": "a"}, "hers": {"owner": "bob", "title": "secret"}}


def permit(*writes: WriteScope, reads: Sequence[ReadScope] = (ReadScope(rows=MINE),)) -> GrantPermit:
    return GrantPermit(Grant(tuple(reads), writes))


OWN = permit(WriteScope(old=MINE, new=MINE, structures=frozenset({"log"})))


def judge(permit: GrantPermit, *ops: Op) -> list[Op]:
    return list(at_once(permit.judge_in_steps(ops, ROWS, lambda target: {})))


def insert(key: str, **fields: Any) -> Op:
    return Op(RECORDS, "insert", (key, fields, {}))


def put(key: str, **fields: Any) -> Op:
    return Op(RECORDS, "put", (key, fields, {}))


def update(key: str, **fields: Any) -> Op:
    return Op(RECORDS, "update", (key, fields, {}))


def delete(key: str) -> Op:
    return Op(RECORDS, "delete", (key,))


def refusal(permit: GrantPermit, *ops: Op) -> ProtoBaseError:
    with pytest.raises(ProtoBaseError) as found:
        judge(permit, *ops)
    return found.value


@pytest.mark.parametrize(
    "op", [update("mine", title="b"), put("mine", owner="ann"), delete("mine"), insert("n", owner="ann")]
)
def test_what_holds_before_and_after_may_be_written(op: Op) -> None:
    assert judge(OWN, op) == [op]


@pytest.mark.parametrize("op", [update("mine", owner="bob"), put("mine", title="b"), insert("n", title="b")])
def test_a_row_may_not_become_what_may_not_be_written(op: Op) -> None:
    assert isinstance(refusal(OWN, op), Forbidden)


def test_a_row_that_is_seen_and_may_not_be_written_is_forbidden() -> None:
    all_read = permit(WriteScope(old=MINE, new=MINE), reads=[ReadScope()])
    for op in (update("hers", owner="ann"), put("hers", owner="ann"), delete("hers")):
        assert isinstance(refusal(all_read, op), Forbidden)


@pytest.mark.parametrize(
    "op", [update("hers", title="b"), Op(Target("text", ("records", "hers", "x")), "insert", (0, "x"))]
)
def test_a_hidden_row_is_missing_in_the_words_of_one_that_is(op: Op) -> None:
    there, absent = refusal(OWN, op), refusal(OWN, _of_another(op))
    assert isinstance(there, RecordMissing)
    assert str(there).replace("hers", "none") == str(absent)


def _of_another(op: Op) -> Op:
    if op.target == RECORDS:
        return op._replace(args=("none", *op.args[1:]))
    return op._replace(target=Target(op.target.kind, ("records", "none", op.target.path[2])))


def test_deleting_a_hidden_row_does_nothing_as_with_one_that_is_not_there() -> None:
    assert judge(OWN, delete("hers")) == []
    assert judge(OWN, delete("none")) == [delete("none")]


def test_only_that_a_key_is_taken_cannot_be_hidden() -> None:
    for op in (insert("hers", owner="ann"), put("hers", owner="ann")):
        assert isinstance(refusal(OWN, op), RecordExists)
        assert "secret" not in str(refusal(OWN, op))


def test_a_transaction_is_judged_as_a_whole() -> None:
    ops = update("mine", owner="bob"), update("mine", owner="ann", title="b")
    assert judge(OWN, *ops) == list(ops)
    assert isinstance(refusal(OWN, delete("mine"), insert("mine", owner="bob")), Forbidden)
    assert judge(OWN, delete("mine"), insert("mine", owner="ann"))


TITLES = permit(WriteScope(fields=frozenset({"title"}), structures=frozenset()), reads=[ReadScope()])


def test_fields_that_are_not_named_may_not_be_written() -> None:
    assert judge(TITLES, update("mine", title="b"))
    assert judge(TITLES, insert("n", title="b"))
    for op in (update("mine", owner="x"), insert("n", owner="x"), put("n", owner="x")):
        assert str(refusal(TITLES, op)).endswith("may not be written")
        assert "'owner'" in str(refusal(TITLES, op))


def test_who_may_write_some_fields_can_neither_delete_nor_replace_a_record() -> None:
    for op in (delete("mine"), put("mine", title="b")):
        assert "owner" not in str(refusal(TITLES, op))  # which fields it has is not told
        assert isinstance(refusal(TITLES, op), Forbidden)


def test_fields_and_rows_are_united_cell_by_cell() -> None:
    both = permit(
        WriteScope(old=MINE, new=MINE), WriteScope(fields=frozenset({"title"})), reads=[ReadScope()]
    )
    assert judge(both, update("hers", title="b"))
    assert judge(both, update("mine", title="b", more=1))
    assert isinstance(refusal(both, update("hers", title="b", more=1)), Forbidden)


def test_structures_that_are_not_named_may_not_be_written() -> None:
    log, other = (Op(Target("list", (name,)), "insert", (0, [1])) for name in ("log", "other"))
    assert judge(OWN, log) == [log]
    assert str(refusal(OWN, other)) == "structure 'other' may not be written"


def test_what_merges_in_a_field_counts_as_the_field() -> None:
    add = Op(Target("set", ("records", "mine", "tags")), "add", ("x",))
    assert judge(OWN, add)
    assert "'tags'" in str(refusal(TITLES, add))


def test_the_new_row_has_what_merged() -> None:
    few = permit(WriteScope(new=~F.tags.contains("bad")), reads=[ReadScope()])
    target = Target("set", ("records", "mine", "tags"))
    assert judge(few, Op(target, "add", ("good",)))
    assert isinstance(refusal(few, Op(target, "add", ("bad",))), Forbidden)


def test_a_field_of_another_kind_does_not_tell_its_value() -> None:
    title = Op(Target("set", ("records", "hers", "title")), "add", ("x",))
    error = refusal(permit(WriteScope(new=F.owner == "bob"), reads=[]), title)
    assert isinstance(error, KindMismatch)
    assert "secret" not in str(error)


def test_a_field_is_refused_in_the_same_words_whether_there_is_the_record_or_not() -> None:
    few = permit(WriteScope(old=MINE, new=MINE, fields=frozenset({"title"})))
    hidden, absent = (str(refusal(few, update(key, other=1))) for key in ("hers", "none"))
    assert hidden.replace("hers", "none") == absent
    assert "'other'" in absent
