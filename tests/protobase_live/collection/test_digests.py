"""What many transactions of a turn rely on is read once, and again only where one of them wrote."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.collection.digests import MAX_LOOKED_THROUGH, Digests
from protobase_live.document import Document
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.protocol.steps import at_once
from tests.support.turns import carry_out

TAGS, TEXT, FIELD = Target("set", ("tags",)), Target("text", ("body",)), Target("list", ("records", "c", "l"))
PAGES = [Read(RECORDS, "items", ("b", 2)), Read(RECORDS, "keys", ("b", 2))]
LAST = [Read(RECORDS, "items", ("d", 9)), Read(RECORDS, "keys", ("d", 9))]
WHOLE = [Read(RECORDS, "count"), Read(RECORDS, "items")]


@pytest.fixture
def document() -> Document:
    document = Document("node")
    carry_out(document, *(Op(RECORDS, "put", (key, {"n": 1}, {})) for key in "abcdef"))
    carry_out(document, Op(FIELD, "extend", ([1],)), Op(TAGS, "add", ("x",)), Op(TEXT, "insert", (0, "hi")))
    return document


@pytest.mark.parametrize(
    ("op", "again"),
    [
        (Op(RECORDS, "put", ("a", {"n": 2}, {})), [*WHOLE, Read(RECORDS, "get", ("a",))]),
        (Op(RECORDS, "put", ("cc", {}, {})), [*PAGES, *WHOLE]),
        (Op(RECORDS, "delete", ("d",)), [*PAGES, *WHOLE]),
        (Op(RECORDS, "put", ("z", {}, {})), [*LAST, *WHOLE]),
        (Op(FIELD, "extend", ([2],)), [*PAGES, *WHOLE, Read(FIELD, "values")]),
        (Op(TAGS, "add", ("y",)), [Read(TAGS, "count")]),
        (Op(TEXT, "insert", (0, "!")), [Read(TEXT, "value")]),
    ],
)
def test_only_what_may_have_changed_is_read_again(document: Document, op: Op, again: list[Read]) -> None:
    asked: list[Read] = []

    def ask(read: Read) -> Any:
        asked.append(read)
        return document.read(read)

    digests = Digests(ask)
    reads = [*PAGES, *LAST, *WHOLE, Read(FIELD, "values"), Read(TAGS, "count"), Read(TEXT, "value")]
    reads += [Read(RECORDS, "get", (key,)) for key in "ab"]
    for _ in range(3):
        for read in reads:
            assert at_once(digests.of(read)).digest == values.digest(document.read(read))
    assert asked == reads
    carry_out(document, op)
    digests.forget([op])
    asked.clear()
    for read in reads:
        assert at_once(digests.of(read)).digest == values.digest(document.read(read))
    assert sorted(map(repr, asked)) == sorted(map(repr, again))


def test_after_many_changes_all_is_read_again(document: Document) -> None:
    asked: list[Read] = []
    digests = Digests(asked.append)
    read = Read(RECORDS, "get", ("a",))
    at_once(digests.of(read))
    digests.forget([Op(RECORDS, "delete", (f"b{n}",)) for n in range(MAX_LOOKED_THROUGH + 1)])
    at_once(digests.of(read))
    assert asked == [read, read]


def test_one_and_true_are_different_arguments() -> None:
    digests = Digests(lambda read: type(read.args[0]).__name__)
    one, other = (at_once(digests.of(Read(TAGS, "contains", (arg,)))) for arg in (1, True))
    assert one.digest != other.digest
