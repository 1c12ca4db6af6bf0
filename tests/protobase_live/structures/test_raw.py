"""Reading below pycrdt's wrappers."""

from __future__ import annotations

import pytest
from pycrdt import Doc, Map

from protobase_live.structures import raw
from protobase_live.structures.raw import map_entries


def test_so_many_names_are_shared_and_then_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MAX_SHARED_NAMES", 3)
    shared: Map[object] = Doc[object]().get("records", type=Map)
    for number in range(10):
        shared[f"field {number}"] = number
        assert list(map_entries(shared).values()) == list(range(number + 1))
        assert len(raw._names) <= 3


class Name(str):
    """A text of a class of the program's own."""

    __slots__ = ()


def test_a_name_of_another_class_is_a_mere_text() -> None:
    shared: Map[object] = Doc[object]().get("records", type=Map)
    shared["title"] = 1
    with raw.opened(shared) as (native, txn):
        (name,) = raw.raw_entries(native, txn, [Name("title")])
    assert type(name) is str
