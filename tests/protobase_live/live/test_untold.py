"""What a view took in and has not told: the net effect of all, or nothing if it is too much."""

from __future__ import annotations

from protobase_live.live.untold import Untold, folded
from protobase_live.query.engine.operator import Item


def item(n: int, value: int) -> Item:
    return n, (), {"value": value}


def test_the_net_effect_is_kept() -> None:
    untold = Untold(2)
    untold.add([(None, item(1, 1)), (item(2, 1), item(2, 2))])
    untold.add([(item(1, 1), None), (item(2, 2), item(2, 3))])
    assert untold.delta == [(item(2, 1), item(2, 3))]


def test_what_is_too_much_is_forgotten() -> None:
    untold = Untold(2)
    untold.add([(None, item(n, 1)) for n in range(3)])
    untold.add([(item(n, 1), None) for n in range(3)])
    assert untold.forgotten
    assert untold.delta is None


def test_deltas_are_folded_in_order() -> None:
    assert folded([[(None, item(1, 1))], [(item(1, 1), item(1, 2))]]) == [(None, item(1, 2))]
