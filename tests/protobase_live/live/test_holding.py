"""What one live query holds is counted in rows and bytes, alone and together with others."""

from __future__ import annotations

import pytest

from protobase_live.errors import LimitExceeded, Overloaded
from protobase_live.live.holding import Holding
from protobase_live.live.limits import ViewLimits
from protobase_live.live.room import Room
from protobase_live.query.engine.operator import Item


def item(n: int, text: str) -> Item:
    return n, (), {"text": text}


def test_rows_are_bounded() -> None:
    holding = Holding(ViewLimits(view_rows=2))
    holding.take([(None, item(n, "")) for n in range(2)])
    holding.take([(item(1, ""), item(1, "x"))])
    with pytest.raises(LimitExceeded, match=r"2 rows \(view_rows\)"):
        holding.take([(None, item(3, ""))])


def test_bytes_are_bounded_and_what_goes_makes_room() -> None:
    holding = Holding(ViewLimits(view_bytes=1_000))
    holding.take([(None, item(1, "x" * 900))])
    holding.take([(item(1, "x" * 900), item(1, "")), (None, item(2, "x" * 900))])
    with pytest.raises(LimitExceeded, match=r"1000 bytes \(view_bytes\)"):
        holding.take([(None, item(3, "x" * 900))])


def test_what_holds_only_what_was_read_is_not_weighed() -> None:
    Holding(ViewLimits(view_bytes=1_000), weighs=False).take([(None, item(1, "x" * 2_000))])


def test_all_together_are_bounded_until_one_ends() -> None:
    room = Room(1_000, "bytes", "all_view_bytes", lambda: False)
    one, other = (Holding(ViewLimits(), size=room) for _ in range(2))
    one.take([(None, item(1, "x" * 900))])
    with pytest.raises(Overloaded, match=r"1000 bytes already \(all_view_bytes\)"):
        other.take([(None, item(1, "x" * 900))])
    other.release()
    one.take([(None, item(2, "x" * 50))])
    one.release()
    one.release()
    Holding(ViewLimits(), size=room).take([(None, item(1, "x" * 900))])
