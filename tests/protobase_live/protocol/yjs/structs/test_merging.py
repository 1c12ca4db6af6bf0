"""Many updates as one."""

from __future__ import annotations

from itertools import permutations

import pytest

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, collect, merge
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, Shared, sent

UPDATES = (
    sent(1, 0, yjs.item(yjs.text("ab"), parent="t")),
    sent(2, 0, yjs.item(yjs.text("c"), left=Id(1, 1))),
    sent(1, 2, yjs.item(yjs.text("d"), left=Id(2, 0))),
    sent(3, 0, yjs.item(yjs.text("e"), left=Id(1, 2)), deletes={1: [(0, 1)], 2: [(0, 1)]}),
)


def test_nothing_is_nothing() -> None:
    assert merge([]) == EMPTY_UPDATE
    assert merge([EMPTY_UPDATE]) == EMPTY_UPDATE


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_does_not_matter(order: tuple[int, ...]) -> None:
    assert merge(UPDATES[each] for each in order) == merge(UPDATES)


def test_has_the_effect_of_all_without_what_they_delete() -> None:
    blocks = [
        yjs.Block(3, 0, [yjs.item(yjs.text("e"), left=Id(1, 2))]),
        yjs.Block(2, 0, [yjs.item(yjs.deleted(1), left=Id(1, 1))]),
        yjs.Block(
            1,
            0,
            [
                yjs.item(yjs.deleted(1), parent="t"),
                yjs.item(yjs.text("b"), left=Id(1, 0)),
                yjs.item(yjs.text("d"), left=Id(2, 0)),
            ],
        ),
    ]
    assert merge(UPDATES) == yjs.update(blocks, {2: [(0, 1)], 1: [(0, 1)]})
    assert merge([merge(UPDATES)]) == merge(UPDATES)


def test_what_lacks_something_waits_behind_gaps() -> None:
    structs, left = collect(UPDATES[:1] + UPDATES[2:])
    assert structs.vector == {1: 2}
    assert len(left) == 2
    merged = merge(UPDATES[:1] + UPDATES[2:])
    assert merge([merged]) == merged
    assert merge([merged, UPDATES[1]]) == merge(UPDATES)
    early = sent(1, 0, deletes={9: [(0, 3)]})
    assert merge([early]) == early


def test_what_is_impossible_counts_as_deleted() -> None:
    child = sent(2, 0, yjs.item(yjs.shared(Shared.MAP), parent=Id(1, 0)))
    structs, left = collect([UPDATES[0], child])
    assert left == []
    assert structs.deletes == {2: [(0, 1)]}


def test_what_is_no_update_is_refused() -> None:
    with pytest.raises(MalformedUpdate, match="cannot fit"):
        merge([UPDATES[0], b"\x01"])
