"""What is behind the doors to one database, be they on a port of their own or in somebody's application.

Each is imported, and made, when the first client comes to it, which takes it some ten milliseconds once: a
server starts without those that nobody uses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from protobase_actors import Clock
from protobase_live.database.database import Database
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.accounts import Accounts
from protobase_live.server.asgi_types import Scope
from protobase_live.server.authentication import Authentication
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.origins import Origins
from protobase_live.server.permissions import Permissions
from protobase_live.server.proxies import NO_PROXIES, Proxies
from protobase_live.server.rest.bodies import Bodies

if TYPE_CHECKING:
    from protobase_live.server.hocuspocus_door import HocuspocusDoor
    from protobase_live.server.http_live_connection import HttpLiveConnection
    from protobase_live.server.http_live_door import HttpLiveDoor
    from protobase_live.server.live_door import LiveDoor
    from protobase_live.server.live_wire import LiveWire
    from protobase_live.server.rest.rest import Rest
    from protobase_live.server.yjs_clients import YjsClients


class Behind:
    """Each by its name; what they have in common is counted and limited once for all."""

    def __init__(
        self,
        database: Database,
        *,
        authentication: Authentication,
        permissions: Permissions,
        origins: Origins,
        clock: Clock,
        limits: ServerLimits,
        live_limits: LiveLimits,
        counters: Counters,
        admit: Callable[[], Awaitable[str | None]],
        token: Callable[[Scope], str | None] | None = None,
        proxies: Proxies = NO_PROXIES,
        inspector: bool = True,
    ) -> None:
        """See `HttpLiveDoor` and `Rest` for ``admit``, ``token`` and ``inspector``."""
        self._database = database
        self._authentication = authentication
        self._permissions = permissions
        self._origins = origins
        self._clock = clock
        self._limits = limits
        self._live_limits = live_limits
        self._counters = counters
        self._admit = admit
        self._token = token
        self._proxies = proxies
        self._inspector = inspector
        self._accounts = Accounts(clock, limits, counters)
        self._bodies = Bodies(limits, counters)
        self._closing = False

    @cached_property
    def yjs(self) -> YjsClients:
        """For stock Yjs clients."""
        from protobase_live.server.yjs_clients import YjsClients

        shared = self._database, self._authentication, self._clock, self._limits, self._counters
        return YjsClients(*shared, permissions=self._permissions, accounts=self._accounts)

    @cached_property
    def hocuspocus(self) -> HocuspocusDoor:
        """For stock Hocuspocus clients."""
        from protobase_live.server.hocuspocus_door import HocuspocusDoor

        return HocuspocusDoor(self.yjs, self._clock, self._limits, self._counters)

    @cached_property
    def live(self) -> LiveDoor:
        """For clients of the live protocol."""
        from protobase_live.server.live_door import LiveDoor

        door = LiveDoor(
            self._database,
            clock=self._clock,
            limits=self._live_limits,
            authentication=self._authentication,
            counters=self._counters,
            permissions=self._permissions,
            accounts=self._accounts,
        )
        if self._closing:
            door.turn_away()
        return door

    @cached_property
    def live_http(self) -> HttpLiveDoor:
        """For those that cannot open a WebSocket."""
        from protobase_live.server.http_live_door import HttpLiveDoor

        parts = self._origins, self._clock, self._limits, self._live_limits, self._counters, self._admit
        return HttpLiveDoor(self.live, *parts, self._token, self._proxies, self._bodies)

    @cached_property
    def rest(self) -> Rest:
        """For plain requests."""
        from protobase_live.server.rest.rest import Rest

        parts = self._origins, self._clock, self._limits, self._counters, self._live_limits
        rest = Rest(
            *(self._database, self._authentication, *parts, self._token, self._inspector),
            permissions=self._permissions,
            proxies=self._proxies,
            bodies=self._bodies,
            accounts=self._accounts,
        )
        if self._closing:
            rest.close()
        return rest

    def _is_made(self, door: str) -> bool:
        return door in vars(self)

    @property
    def connections(self) -> Sequence[HttpLiveConnection]:
        """Those of the live protocol that are open over HTTP."""
        return self.live_http.connections if self._is_made("live_http") else ()

    async def let_go(self, connection: LiveWire) -> bool:
        """See `LiveDoor.let_go`."""
        return self._is_made("live") and await self.live.let_go(connection)

    async def close(self) -> None:
        """End all streams of events, and say bye to the clients of the live protocol: see `LiveDoor.close`.

        What comes from now on is refused, also by a door that nobody had come to.
        """
        self._closing = True
        if self._is_made("rest"):
            self.rest.close()
        if self._is_made("live"):
            await self.live.close()
