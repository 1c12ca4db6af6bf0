"""Long writes: several Yjs transactions, one commit."""

from __future__ import annotations

import pytest
from pycrdt import Array

from protobase_live.document import Document
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.structures.portions import MAX_BLOCKS, PortionedDoc, wrote

LIST, TEXT = Target("list", ("l",)), Target("text", ("t",))
COUNT = 3 * MAX_BLOCKS
VALUES = list(range(COUNT))

WRITES = {
    "extend": [Op(LIST, "extend", (VALUES,))],
    "a field": [Op(RECORDS, "put", ("k", {"items": VALUES}, {"items": "list"}))],
    "appends": [Op(LIST, "extend", ([n],)) for n in VALUES],
    "typing": [Op(TEXT, "insert", (None, "x"))] * COUNT,
    "counting": [Op(Target("counter", ("n",)), "add", (1,))] * COUNT,
    "one key of a dictionary": [Op(Target("dict", ("d",)), "set", ("k", n)) for n in VALUES],
    "one field of a record": [Op(RECORDS, "put", ("k", {"n": n}, {})) for n in VALUES],
    "two lists in turn": [Op(Target("list", (name,)), "extend", ([1],)) for _ in VALUES for name in "ab"],
}


@pytest.mark.parametrize("name", list(WRITES))
def test_no_transaction_has_more_than_so_many_blocks(name) -> None:
    document = Document("node")
    written: list[bytes] = []
    watch = document._content._doc.observe(lambda event: written.append(event.update))
    with document.writing():
        document.write(document.rehearse(WRITES[name]))
    watch.drop()
    outcome = document.finish()
    assert outcome is not None
    assert len(written) >= COUNT // MAX_BLOCKS
    again = Document("other")
    for _ in again.load([outcome.update]):
        pass
    assert again.records == document.records
    assert again.snapshot() == document.snapshot()
    assert again.encode() == document.encode()


def test_outside_a_transaction_nothing_is_divided() -> None:
    doc = PortionedDoc()
    shared = doc.get("l", type=Array)
    for _ in range(2 * MAX_BLOCKS):
        wrote(shared)
    assert len(shared) == 0
