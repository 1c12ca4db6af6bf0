"""A reader waits for commits that can still come, for so long and no longer."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.model.arrival import Arrival

HERE = {"here/t": 2, "other/t": 3, "third/t": 1}


def made() -> tuple[Arrival, ManualClock]:
    clock = ManualClock()
    return Arrival(clock, 3.0, "here"), clock


@pytest.mark.parametrize(
    ("wanted", "awaited"),
    [
        ({}, False),
        ({"other/t": 3}, False),
        ({"other/t": 4}, True),
        ({"new/t": 1, "here/t": 2}, True),
        ({"other/later": 4}, True),
        ({"here/t": 3}, False),
        ({"here/lost": 3, "other/t": 4}, False),
        ({"other/t": 4, "third/elsewhere": 1}, False),
        ({"here/h/t": 1}, False),
        ({"hereabouts/t": 1}, True),
    ],
)
def test_what_can_still_come_is_awaited(wanted: dict[str, int], awaited: bool) -> None:
    arrival, _ = made()
    assert arrival.awaits((HERE, wanted)) is awaited


def test_what_a_node_wrote_on_another_disk_can_come() -> None:
    arrival = Arrival(ManualClock(), 3.0, "here/new")
    assert arrival.awaits(({}, {"here/old/t": 1}))
    assert not arrival.awaits(({}, {"here/new/t": 1}))


def test_of_several_collections_all_has_to_be_able_to_come() -> None:
    arrival, _ = made()
    assert arrival.awaits((HERE, {}), (HERE, {"other/t": 4}))
    assert not arrival.awaits((HERE, {"here/t": 3}), (HERE, {"other/t": 4}))


async def test_the_time_begins_with_the_first_reader_and_does_not_begin_again() -> None:
    arrival, clock = made()
    await clock.advance(10)
    never = asyncio.Event()
    reader = asyncio.ensure_future(arrival.wait(never.wait))
    await clock.advance(2)
    reader.cancel()
    await clock.advance(0.5)
    reader = asyncio.ensure_future(arrival.wait(never.wait))
    await clock.advance(0.4)
    assert not reader.done()
    assert arrival.awaits((HERE, {"other/t": 4}))
    await clock.advance(0.2)
    assert reader.done()
    assert not arrival.awaits((HERE, {"other/t": 4}))
    await arrival.wait(never.wait)


async def test_who_has_gone_on_waits_no_more() -> None:
    arrival, _ = made()
    arrival.end()
    assert not arrival.awaits((HERE, {"other/t": 4}))
    await arrival.wait(asyncio.Event().wait)
