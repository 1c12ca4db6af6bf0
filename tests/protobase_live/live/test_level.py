"""Collections that were loaded one after the other are brought to one level before they are read together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Unavailable
from protobase_live.live.level import Level
from protobase_live.live.watched_table import WatchedTable
from protobase_live.model.arrival import Arrival
from protobase_live.query.engine.table import Table
from protobase_storage import Vector

SECONDS = 3.0


class Place:
    """Two collections of which others have stored five commits each."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.asked: list[list[str]] = []
        self.watched: dict[str, WatchedTable] = {}
        self.level = Level(self.watched, self.stored, lambda: Arrival(self.clock, SECONDS, "own"))
        for name, shown in (("a", 3), ("b", 5)):
            self.begin(name, shown)

    def begin(self, name: str, shown: int) -> None:
        """It is loaded, as far as that."""
        number = max((each.number for each in self.watched.values()), default=0) + 1
        self.watched[name] = WatchedTable(Table(name), {"other": shown}, (), 10, number)

    async def stored(self, collections: Collection[str]) -> Mapping[str, Vector]:
        self.asked.append(sorted(collections))
        return {name: {"other": 5} for name in collections}


@pytest.fixture
async def place() -> Place:
    return Place()


async def test_what_one_lacks_is_waited_for_once(place: Place) -> None:
    assert place.level.late(["a"]) == []
    assert place.level.late(["a", "b"]) == ["a", "b"]
    bringing = asyncio.create_task(place.level.bring(["a", "b"]))
    await place.clock.settle()
    assert not bringing.done()
    place.watched["a"].advance({"other": 5})
    await bringing
    assert place.level.late(["a", "b"]) == []
    assert place.asked == [["a", "b"]]


async def test_what_is_loaded_later_is_looked_at_with_all_that_it_is_read_with(place: Place) -> None:
    place.watched["a"].advance({"other": 5})
    await place.level.bring(["a", "b"])
    place.begin("c", 5)
    assert place.level.late(["a", "b"]) == []
    assert place.level.late(["a", "c"]) == ["a", "c"]
    await place.level.bring(["a", "c"])
    assert place.level.late(["a", "c"]) == []
    assert place.level.late(["b", "c"]) == ["b"]


async def test_what_does_not_come_is_waited_for_no_longer_than_said(place: Place) -> None:
    bringing = asyncio.create_task(place.level.bring(["a", "b"]))
    await place.clock.advance(SECONDS)
    with pytest.raises(Unavailable, match=r"^a: .* did not come here within 3 seconds \(ahead_seconds\)$"):
        await bringing
    assert place.level.late(["a", "b"]) == ["a", "b"]


async def test_what_is_loaded_anew_meanwhile_is_not_waited_for(place: Place) -> None:
    bringing = asyncio.create_task(place.level.bring(["a", "b"]))
    await place.clock.settle()
    place.watched.pop("a").close()
    place.begin("a", 5)
    await bringing
    assert place.level.late(["a", "b"]) == ["a", "b"]
