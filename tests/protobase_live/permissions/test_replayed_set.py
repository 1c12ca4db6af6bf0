"""A set is judged as reading shows it, also where it holds several that Python calls equal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.document import Document, Scope
from protobase_live.errors import Forbidden
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.model.values import same
from protobase_live.permissions.grant import Grant, ReadScope, WriteScope
from protobase_live.permissions.judging import TransactionJudge
from protobase_live.permissions.permit import GrantPermit
from protobase_live.permissions.sight import Sight
from protobase_live.protocol.steps import at_once
from protobase_live.query.ast.expressions import F

NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)
ELEMENTS = [True, 1, False, 0, "a", 2**60, float(2**60), (1, "a"), (True, "a")]
ELEMENTS += [NOON, NOON.astimezone(timezone(timedelta(hours=2)))]
TAGS, TIMES = Target("set", ("records", "k", "tags")), Target("counted_set", ("records", "k", "times"))
elements = st.sampled_from(ELEMENTS)

operations = st.one_of(
    st.builds(lambda many: Op(TAGS, "add", tuple(many)), st.lists(elements, min_size=1, max_size=3)),
    st.builds(lambda many: Op(TAGS, "remove", tuple(many)), st.lists(elements, min_size=1, max_size=3)),
    st.just(Op(TAGS, "clear", ())),
    st.builds(lambda *args: Op(TIMES, "add", args), elements, st.integers(1, 2)),
    st.builds(lambda *args: Op(TIMES, "remove", args), elements, st.integers(1, 2)),
    st.builds(lambda each: Op(RECORDS, "update", ("k", {"tags": {each}}, {})), elements),
    st.builds(lambda each: Op(RECORDS, "put", ("k", {"tags": {each}}, {})), elements),
    st.builds(lambda each: Op(RECORDS, "update", ("k", {"times": {each: 2}}, _COUNTED)), elements),
)
_COUNTED = {"times": "counted_set"}


@settings(max_examples=300)
@given(st.lists(st.lists(operations, min_size=1, max_size=4), max_size=5))
def test_what_is_judged_is_what_reading_shows(transactions: list[list[Op]]) -> None:
    judged: list[dict[str, Any]] = []
    scope = Scope(old=lambda row: True, new=lambda row: not judged.append(row))
    judge = TransactionJudge([scope], Sight([ReadScope()]))
    document = Document("ab", 1)
    for ops in ([Op(RECORDS, "insert", ("k", {}, {}))], *transactions):
        write(document, at_once(judge.judge_in_steps(ops, document.records, document.stored)))
        assert same(judged[-1], {**document.records["k"], "_key": "k"})
    document.close()


def write(document: Document, ops: Any) -> None:
    with document.writing():
        document.write(document.rehearse(ops))
    document.finish()


PERMIT = GrantPermit(Grant((ReadScope(),), (WriteScope(new=~F.tags.contains(1)),)))
BAD = [
    [[Op(TAGS, "add", (True,))], [Op(TAGS, "add", (1,))]],
    [[Op(TAGS, "add", (True,)), Op(TAGS, "add", (1,))]],
    [[Op(TAGS, "add", (True, 1))]],
]


@pytest.mark.parametrize("transactions", BAD)
def test_nothing_comes_in_beside_its_equal(transactions: list[list[Op]]) -> None:
    document = Document("ab", 1)
    write(document, [Op(RECORDS, "insert", ("k", {}, {}))])
    *before, last = transactions
    for ops in before:
        write(document, at_once(PERMIT.judge_in_steps(ops, document.records, document.stored)))
    with pytest.raises(Forbidden):
        at_once(PERMIT.judge_in_steps(last, document.records, document.stored))
    document.close()
