"""How many rows all live queries hold together."""

import pytest

from protobase_live.errors import Overloaded
from protobase_live.live.room import Room


def test_there_is_room_up_to_the_limit():
    room = Room(3, "rows", "all_view_rows", lambda: False)
    room.take(2)
    room.take(1)
    with pytest.raises(Overloaded, match=r"3 rows already \(all_view_rows\)"):
        room.take(1)
    room.take(-2)
    room.take(1)


def test_those_that_nobody_watches_give_way():
    lingering = [2, 1]

    def give_way():
        if lingering:
            room.take(-lingering.pop(0))
            return True
        return False

    room = Room(3, "rows", "all_view_rows", give_way)
    room.take(3)
    room.take(2)
    assert lingering == [1]
    room.take(1)
    assert lingering == []
    with pytest.raises(Overloaded):
        room.take(1)


def test_less_is_always_allowed():
    room = Room(1, "rows", "all_view_rows", lambda: False)
    with pytest.raises(Overloaded):
        room.take(5)
    room.take(-1)
