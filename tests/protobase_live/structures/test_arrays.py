"""Long arrays: read as short ones are, but not item by item."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

from protobase_live.structures import arrays
from protobase_live.structures.arrays import INDEXED_ITEMS, insert_values, plain_items
from protobase_live.structures.nested import plain_of
from protobase_live.structures.raw import opened
from tests.support import yjs_encoding as encoding

CONTENTS = {
    "values": encoding.values(
        "x", "é😀", 1, -5, 2**53 - 1, 0, True, False, None, {"b": [1000, {"a": "x"}], "a": 2}
    ),
    "markup": encoding.values("<b>x</b>", "a & b", "a > b"),
    "bytes": encoding.binary(b"\x00\xff"),
    "lists of small numbers": encoding.values([1, 2, 3], [], {"a": [0]}, [[0]]),
    "tags": encoding.values(
        {"@": "int", "v": "9007199254740993"}, {"@": "set"}, [{"@": "date", "v": "2020-01-01"}]
    ),
    "large numbers": encoding.values(2.0**60, 2.0**53, 2.0**62),
    "deep": encoding.values([[[[[[["x"]]]]]]]),
    "an embed": encoding.embed('{"a": 1}'),
    "a subdocument": encoding.document("guid", {}),
    "a dict like a subdocument": encoding.values({"guid": "x"}),
    **{f"type {n}": encoding.shared(n) for n in (0, 1, 2, 3, 4, 6)},
}


class Counted:
    """A native array that counts what is looked for in it."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.gets = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def get(self, txn: Any, index: int) -> Any:
        self.gets += 1
        return self._raw.get(txn, index)


def read(array: Array) -> tuple[list[Any], list[Any], int]:
    """The array as it is read, item by item, and how many items were looked for."""
    with opened(array) as (raw, txn):
        counted = Counted(raw)
        items = plain_items(counted, txn, lambda item: plain_of(item, txn))
        singly = [plain_of(raw.get(txn, index), txn) for index in range(raw.len(txn))]
        return items, singly, counted.gets


@pytest.mark.parametrize("name", list(CONTENTS))
def test_a_long_array_is_read_as_a_short_one(name) -> None:
    doc: Doc = Doc()
    doc.apply_update(encoding.sent(7, 0, encoding.item(CONTENTS[name], parent="l")))
    array = doc.get("l", type=Array)
    array.extend(["filling"] * INDEXED_ITEMS)
    items, singly, gets = read(array)
    assert items == singly
    assert [*map(type, items)] == [*map(type, singly)]
    assert gets <= len(singly) - INDEXED_ITEMS


def test_what_is_nested_is_read_the_same() -> None:
    doc: Doc = Doc()
    array = doc.get("l", type=Array)
    array.extend(
        [
            Map({"a": Array([1.5, {"b": b"x"}]), "t": Text("a & b")}),
            Array([Text("<i>")]),
            XmlFragment([XmlElement("p", {"z": "1"})]),
        ]
    )
    array.extend([{"n": n, "tags": ["a", "b"]} for n in range(INDEXED_ITEMS)])
    items, singly, gets = read(array)
    assert (items, gets) == (singly, 3)


@pytest.mark.parametrize("item", [None, True, 5, -1.5, "é"])
def test_items_that_can_be_read_at_once_are_not_gone_through(item, monkeypatch) -> None:
    doc: Doc = Doc()
    array = doc.get("l", type=Array)
    array.extend([item] * (INDEXED_ITEMS + 1))
    monkeypatch.setattr(arrays, "_is_told", None)
    with opened(array) as (raw, txn):
        assert plain_items(raw, txn, lambda each: plain_of(each, txn)) == [item] * (INDEXED_ITEMS + 1)


def test_where_items_were_inserted_does_not_count() -> None:
    doc: Doc = Doc()
    array, random = doc.get("l", type=Array), Random(3)
    for n in range(2_000):
        array.insert(random.randrange(n + 1), f"row {n}")
    items, singly, gets = read(array)
    assert (items, gets) == (singly, 0)


def test_values_are_inserted_in_order() -> None:
    doc: Doc = Doc()
    array = doc.get("l", type=Array)
    array.extend(["a", "z"])
    with doc.transaction():
        insert_values(array, 1, [[1], 2**70, None])
    assert array.to_py() == ["a", [1], {"@": "int", "v": str(2**70)}, None, "z"]
