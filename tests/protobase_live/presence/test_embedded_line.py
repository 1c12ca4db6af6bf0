import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.database.in_use import InUse
from protobase_live.errors import Closed, ValidationError
from protobase_live.handles.presence import Presence
from protobase_live.presence.embedded_line import EmbeddedPresenceLine
from protobase_live.presence.hub import PresenceHub


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def hub(clock):
    return PresenceHub(clock)


def line(hub, use=None):
    return EmbeddedPresenceLine(hub, "tasks", use or InUse())


async def test_nobody_is_seen_before_it_is_entered(hub, clock):
    with pytest.raises(Closed, match="the presence is not open: use 'async with'"):
        await asyncio.wait_for(anext(Presence(line(hub), 1, {})), 5.0)


async def test_everybody_sees_everybody(hub, clock):
    async with Presence(line(hub), 1, {"name": "ann"}) as ann:
        assert ann.states == {1: {"name": "ann"}}
        async with Presence(line(hub), 2, {"name": "bob"}) as bob:
            assert bob.states == {1: {"name": "ann"}, 2: {"name": "bob"}}
            await clock.advance(1)
            assert ann.states == bob.states
            await bob.set({"name": "bob", "cursor": 3})
            await clock.advance(1)
            assert ann.states[2] == {"name": "bob", "cursor": 3}
        await clock.advance(1)
        assert ann.states == {1: {"name": "ann"}}


async def test_one_may_be_there_unseen(hub, clock):
    async with (
        Presence(line(hub), 1, {}) as ann,
        Presence(line(hub), 2, None) as bob,
    ):
        await clock.advance(1)
        assert ann.states == bob.states == {1: {}}


async def test_iterating_gives_the_newest_states(hub, clock):
    async with Presence(line(hub), 1, None) as ann:
        assert await anext(ann) == {}
        waiting = asyncio.ensure_future(anext(ann))
        async with Presence(line(hub), 2, {"n": 1}) as bob:
            await bob.set({"n": 2})
            await clock.advance(1)
            assert await waiting == {2: {"n": 2}}


async def test_iterating_ends_with_the_block(hub, clock):
    seen = []

    async def watch(presence):
        async for states in presence:
            seen.append(states)

    async with Presence(line(hub), 1, {}) as ann:
        watching = asyncio.ensure_future(watch(ann))
        await clock.advance(1)
    await watching
    assert seen[-1] == {1: {}}


async def test_wrong_use_says_so(hub):
    presence = Presence(line(hub), 1, {})
    with pytest.raises(Closed):
        await presence.set({})
    async with presence:
        with pytest.raises(ValidationError):
            await presence.set(b"")
    with pytest.raises(Closed):
        await presence.set({})
    with pytest.raises(Closed):
        await presence.__aenter__()
    with pytest.raises(ValidationError):
        await Presence(line(hub), 1, b"").__aenter__()
    assert hub._rooms == {}


async def test_iterating_ends_with_the_database(hub):
    use = InUse()
    async with Presence(line(hub, use), 1, {}) as ann, Presence(line(hub, use), 2, {}):
        assert 1 in await anext(ann)
        waiting = asyncio.ensure_future(anext(ann))
        await asyncio.sleep(0)
        use.end()
        with pytest.raises(Closed, match="the database is closed"):
            await asyncio.wait_for(waiting, 5.0)
    assert use._told == {}
    assert hub._rooms == {}
