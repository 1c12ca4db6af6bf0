"""Updates as one that fits nothing in particular."""

from __future__ import annotations

import pytest

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, join
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, sent


def typed(clock: int, text: str) -> yjs.Struct:
    return yjs.item(yjs.text(text), left=Id(1, clock - 1))


def test_nothing_is_nothing() -> None:
    assert join([]) == join([EMPTY_UPDATE, EMPTY_UPDATE]) == EMPTY_UPDATE


def test_what_is_between_is_a_gap() -> None:
    late, early = sent(1, 9, typed(9, "x"), deletes={1: [(2, 1)]}), sent(1, 3, typed(3, "ab"))
    other = sent(2, 5, yjs.gc(2), deletes={1: [(3, 1)], 2: [(5, 2)]})
    blocks = [
        yjs.Block(2, 5, [yjs.gc(2)]),
        yjs.Block(1, 3, [typed(3, "ab"), yjs.skip(4), typed(9, "x")]),
    ]
    joined = yjs.update(blocks, {2: [(5, 2)], 1: [(2, 2)]})
    assert join([late, early, other]) == joined
    assert join([joined, joined, late]) == joined, "gaps are none where something is known"


def test_the_same_clocks_are_kept_once() -> None:
    parts = [sent(1, 3, typed(3, "abcd")), sent(1, 5, typed(5, "cdef")), sent(1, 4, typed(4, "b"))]
    assert join(parts) == sent(1, 3, typed(3, "abcd"), typed(7, "ef"))


def test_what_is_no_update_is_refused() -> None:
    with pytest.raises(MalformedUpdate):
        join([b"\x01"])
