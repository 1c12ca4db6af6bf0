"""What is behind the doors of a server is made when somebody comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from protobase_actors import ManualClock
from protobase_live.database.database import Database
from protobase_live.protocol.live.codec import SUBPROTOCOLS
from protobase_live.protocol.live.limits import TRY_AGAIN, LiveLimits
from protobase_live.server.authentication import Authentication, anonymous
from protobase_live.server.behind import Behind
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.origins import Origins
from protobase_live.server.permissions import Permissions
from protobase_storage import MemoryStorage
from tests.protobase_live.live_wire import pipe
from tests.support.asgi_client import call

DOORS = {"yjs", "hocuspocus", "live", "live_http", "rest"}


@pytest.fixture
async def behind() -> AsyncIterator[Behind]:
    clock, limits = ManualClock(), ServerLimits()

    async def admit() -> str | None:
        return None

    async with Database(MemoryStorage()) as database:
        yield Behind(
            database,
            authentication=Authentication(anonymous, clock),
            permissions=Permissions(clock, limits),
            origins=Origins([], "127.0.0.1"),
            clock=clock,
            limits=limits,
            live_limits=LiveLimits(),
            counters=Counters(),
            admit=admit,
        )


def made(behind: Behind) -> set[str]:
    return DOORS & set(vars(behind))


async def test_a_server_to_which_nobody_comes_makes_nothing(behind: Behind) -> None:
    _, wire = pipe(SUBPROTOCOLS[0], 1)
    assert list(behind.connections) == []
    assert not await behind.let_go(wire)
    await behind.close()
    assert made(behind) == set()


async def test_each_is_made_once_and_those_that_share_something_share_it(behind: Behind) -> None:
    assert behind.live is behind.live
    assert made(behind) == {"live"}
    assert list(behind.live_http.connections) == []
    assert made(behind) == {"live", "live_http"}
    assert behind.hocuspocus.presence is behind.yjs.presence
    assert (await call(behind.rest, "GET", "/api/v1/collections")).status == 200
    assert made(behind) == DOORS


async def test_a_door_that_nobody_had_come_to_refuses_who_comes_while_the_server_stops(
    behind: Behind,
) -> None:
    await behind.close()
    end, wire = pipe(SUBPROTOCOLS[0], 1)
    serving = asyncio.ensure_future(behind.live.serve(wire))
    for _ in range(20):
        await asyncio.sleep(0)
    closed = end.closed
    await end.close()
    await serving
    assert closed is not None
    assert closed.code == TRY_AGAIN
    assert (await call(behind.rest, "GET", "/api/v1/collections")).status == 503
