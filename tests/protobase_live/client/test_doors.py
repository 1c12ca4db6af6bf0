"""Several addresses: which is dialled when, and how long that may take."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from random import Random

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.client.doors import Doors
from protobase_live.client.transport import Transport
from protobase_live.server.live_door import LiveDoor
from tests.protobase_live.live_wire import FakeDatabase, pipe

LIMITS = pb.ClientLimits()
URLS = ["ws://a/live", "ws://b/live", "ws://c/live"]


class Gone:
    """A connection to a server that has gone since it was opened."""

    unfinished = unsent = 0

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    async def send(self, message: object, /) -> None: ...

    async def recv(self) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._clock.sleep(LIMITS.close_seconds)


class Servers:
    """Servers that are up, refuse, or never answer, and who has dialled them when."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.down: dict[str, Exception | None] = {}
        """Servers that are not up: what dialling raises, None for no answer."""
        self.gone: set[str] = set()
        """Servers that never say anything on a connection that they have accepted."""
        self.dials: list[tuple[str, float]] = []
        self.closing: dict[str, LiveDoor] = {}
        self.serving: list[asyncio.Future[None]] = []
        self.end = pipe()[0]

    async def dial(self, url: str) -> Transport:
        self.dials.append((url, self.clock.monotonic()))
        if url in self.down:
            if (loss := self.down[url]) is not None:
                raise loss
            await asyncio.Event().wait()
        if url in self.gone:
            return Gone(self.clock)
        self.end, served = pipe()
        door = self.closing.get(url) or LiveDoor(FakeDatabase(self.clock), clock=self.clock)
        self.serving.append(asyncio.ensure_future(door.serve(served)))
        return self.end

    def connect(self, urls: list[str] | str, seed: int = 1, **more):
        return pb.connect(urls, clock=self.clock, random=Random(seed), dial=self.dial, **more)

    @property
    def dialled(self) -> list[str]:
        return [url for url, _ in self.dials]

    async def lose(self) -> str:
        """Cut the connection there is; which server that was."""
        lost = self.dialled[-1]
        await self.end.close(1006, "cut")
        return lost


@pytest.fixture
def servers() -> Servers:
    return Servers()


async def test_the_first_is_drawn_so_that_clients_spread(servers: Servers) -> None:
    for seed in range(60):
        async with servers.connect(URLS, seed):
            pass
    counted = Counter(servers.dialled)
    assert sorted(counted) == URLS
    assert min(counted.values()) > 10


@pytest.mark.parametrize("loss", [OSError("unreachable"), None], ids=["refuses", "never answers"])
@pytest.mark.parametrize("seed", range(5))
async def test_another_one_takes_the_place_of_one_that_is_lost(
    servers: Servers, seed: int, loss: Exception | None
) -> None:
    told: list[str | None] = []
    async with servers.connect(URLS, seed, on_connection=told.append):
        lost = await servers.lose()
        other = next(url for url in URLS if url != lost)
        servers.down = {lost: loss, other: loss}
        before = servers.clock.monotonic()
        await servers.clock.settle()
        while told[1:] != [None] and servers.clock.monotonic() < before + 2:
            await servers.clock.advance(0.05)
        assert told[1:] == [None], "served again within two seconds"
        assert servers.dialled[-1] not in servers.down
        assert lost not in servers.dialled[1:], "the lost one comes last"


async def test_one_that_goes_before_its_welcome_is_not_waited_for(servers: Servers) -> None:
    told: list[str | None] = []
    async with servers.connect(URLS[:2], on_connection=told.append):
        lost = await servers.lose()
        servers.gone = {*URLS[:2]} - {lost}
        await servers.clock.advance(LIMITS.switch_seconds + 2 * LIMITS.backoff_seconds)
        assert told[1:] == [None]
        await servers.clock.advance(LIMITS.close_seconds)


async def test_one_that_is_stopping_is_left_for_another(servers: Servers) -> None:
    async with servers.connect(URLS) as db:
        first = servers.dialled[0]
        stopping = servers.closing[first] = LiveDoor(FakeDatabase(servers.clock), clock=servers.clock)
        await stopping.close()
        servers.down = {url: OSError() for url in URLS if url != first}
        await servers.lose()
        await servers.clock.advance(3)
        assert servers.dialled.count(first) > 1, "it closes with 1013"
        servers.down.clear()
        await servers.clock.advance(LIMITS.max_backoff_seconds)
        assert servers.dialled[-1] != first
        assert await db.presence("tasks").__aenter__()


async def test_attempts_become_more_patient_and_rarer(servers: Servers) -> None:
    servers.down = dict.fromkeys(URLS[:2])
    connecting = asyncio.ensure_future(
        servers.connect(URLS[:2], limits=pb.ClientLimits(connect_seconds=100)).__aenter__()
    )
    await servers.clock.advance(100)
    with pytest.raises(pb.Unavailable):
        await connecting
    moments = [moment for _, moment in servers.dials]
    pauses = [later - earlier for earlier, later in pairwise(moments)]
    longest = LIMITS.attempt_seconds + LIMITS.max_backoff_seconds
    assert pauses[0] < 2 * LIMITS.switch_seconds
    assert all(LIMITS.switch_seconds <= pause <= longest for pause in pauses)
    assert pauses[-1] >= LIMITS.attempt_seconds


async def test_one_that_has_answered_is_not_waited_for_longer() -> None:
    doors = Doors(URLS[:2], clock=ManualClock(), random=Random(1), limits=LIMITS)
    door = await doors.next()
    patience = []
    for lasted in (0.0, 0.0, 3.0, 3.0, 0.0):
        doors.left(door, lasted)
        patience.append(doors.patience(door) / LIMITS.switch_seconds)
    assert patience == [2, 4, 1, 1, 2]


async def test_who_lost_the_same_server_does_not_dial_the_next_in_the_same_moment() -> None:
    clock, moments = ManualClock(), set()
    for seed in range(20):
        doors = Doors(URLS, clock=clock, random=Random(seed), limits=LIMITS)
        door = await doors.next()
        doors.left(door, 60.0)
        next_one = asyncio.ensure_future(doors.next())
        before = clock.monotonic()
        while not next_one.done():
            await clock.advance(0.001)
        moments.add(round(clock.monotonic() - before, 3))
        assert (await next_one) is not door
    assert len(moments) > 10
    assert max(moments) <= LIMITS.backoff_seconds


@pytest.mark.parametrize(
    ("urls", "seconds"), [(URLS, LIMITS.silence_seconds), (URLS[:1], pb.LiveLimits().heartbeat_seconds)]
)
async def test_one_that_vanishes_without_a_word_is_left(
    servers: Servers, urls: list[str], seconds: float
) -> None:
    async with servers.connect(urls):
        assert servers.end.peer is not None
        servers.end.peer.peer = pipe()[0]  # what it says is lost
        await servers.clock.advance(2 * seconds - 0.1)
        assert len(servers.dials) == 1
        await servers.clock.advance(0.5)
        assert len(servers.dials) == 2


async def test_a_first_connection_is_refused_when_all_are(servers: Servers) -> None:
    servers.down = dict.fromkeys(URLS, ConnectionRefusedError())
    connecting = asyncio.ensure_future(servers.connect(URLS).__aenter__())
    await servers.clock.advance(1)
    with pytest.raises(pb.Unavailable, match="nothing listens at"):
        await connecting
    assert sorted(servers.dialled) == URLS
    del servers.down[URLS[1]]
    connecting = asyncio.ensure_future(servers.connect(URLS).__aenter__())
    await servers.clock.advance(1)
    await (await connecting).close()


async def test_addresses_are_read_like_one(servers: Servers) -> None:
    async with servers.connect(["http://a", "ws://a/live"]) as db:
        assert servers.dialled == ["ws://a/live"]
        assert repr(db) == "<RemoteDatabase 'http://a, ws://a/live'>"
    with pytest.raises(pb.ValidationError, match="no address of a live door"):
        await servers.connect(["ws://a", "ftp://b"])
    with pytest.raises(pb.ValidationError, match="not an empty list"):
        await servers.connect([])


async def _pauses(servers: Servers, urls: list[str], loss: Exception) -> list[float]:
    """How long a client that has lost its server waits between attempts, in 200 seconds."""
    async with servers.connect(urls):
        await servers.clock.advance(60)
        servers.down = dict.fromkeys(urls, loss)
        await servers.lose()
        await servers.clock.advance(200)
    moments = [moment for _, moment in servers.dials[1:]]
    return [later - earlier for earlier, later in pairwise(moments)]


async def test_the_only_server_is_asked_often_while_nothing_listens_there(servers: Servers) -> None:
    last = (await _pauses(servers, URLS[:1], ConnectionRefusedError()))[10:]
    most = LIMITS.absent_backoff_seconds
    assert all(most / 2 <= pause <= most for pause in last), "no storm, and no long wait"
    assert len({round(pause, 3) for pause in last}) > 10, "not all clients in the same moment"


async def test_one_that_is_there_and_fails_is_asked_less_often(servers: Servers) -> None:
    last = (await _pauses(servers, URLS[:1], OSError("unreachable")))[10:]
    assert min(last) >= LIMITS.max_backoff_seconds / 2
