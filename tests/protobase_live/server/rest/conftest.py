"""A database, and the REST door to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from protobase_actors import ManualClock
from protobase_live.database.database import Database
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.authentication import Authenticate, Authentication, anonymous
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.origins import Origins
from protobase_live.server.permissions import Permissions
from protobase_live.server.rest.rest import Rest
from protobase_storage import MemoryStorage


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with Database(MemoryStorage()) as database:
        yield database


MakeRest = Callable[..., Rest]


@pytest.fixture
def make_rest(database: Database, clock: ManualClock) -> MakeRest:
    def make(
        authenticate: Authenticate = anonymous,
        live_limits: LiveLimits | None = None,
        inspector: bool = True,
        permissions: Permissions | None = None,
        **limits: Any,
    ):
        return Rest(
            database,
            Authentication(authenticate, clock),
            Origins([], "127.0.0.1"),
            clock,
            ServerLimits(**limits),
            Counters(),
            live_limits or LiveLimits(),
            inspector=inspector,
            permissions=permissions,
        )

    return make


@pytest.fixture
def rest(make_rest: MakeRest) -> Rest:
    return make_rest()
