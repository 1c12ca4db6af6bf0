"""Reads the bodies of requests over HTTP, which all together take so much memory at most."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from protobase_live.errors import Closed, LimitExceeded, Overloaded
from protobase_live.server.asgi_types import Receive
from protobase_live.server.counters import Counters
from protobase_live.server.holdings import Holdings
from protobase_live.server.limits import ServerLimits
from protobase_live.server.rest.answers import Refusal


class Body:
    """One that is being read."""

    def __init__(self, address: str | None) -> None:
        self.address = address
        self.data = bytearray()
        self.scope = asyncio.timeout(None)
        self.reason: str | None = None
        """Why it is not read to its end."""

    def give_way(self, reason: str) -> None:
        """Read no more of it."""
        self.reason = reason
        self.scope.reschedule(asyncio.get_running_loop().time())


class Bodies:
    """Those of one server."""

    def __init__(self, limits: ServerLimits, counters: Counters) -> None:
        self._holdings = Holdings(limits.all_body_bytes, "all_body_bytes", counters)

    @property
    def bytes(self) -> int:
        """Of all that are being read."""
        return self._holdings.total

    async def read(
        self, receive: Receive, address: str | None, most_bytes: int, limit: str = "http_body_bytes"
    ) -> bytes:
        """A body, of at most ``most_bytes`` by the limit of this name.

        Raises Refusal, Closed, and Overloaded when it gives way to those of other addresses.
        """
        body = Body(address)
        try:
            async with body.scope:
                await self._collect(body, receive, most_bytes, limit)
        except TimeoutError:
            raise Overloaded(body.reason or "") from None
        finally:
            self._holdings.weigh(body, 0)
        return bytes(body.data)

    async def _collect(self, body: Body, receive: Receive, most_bytes: int, limit: str) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Closed("the client went away")
            body.data += message.get("body", b"")
            if len(body.data) > most_bytes:
                raise too_long(most_bytes, limit)
            self._holdings.weigh(body, len(body.data))
            self._holdings.make_room()
            more = message.get("more_body", False)


def too_long(most_bytes: int, limit: str = "http_body_bytes") -> Refusal:
    """What is said of a longer body."""
    error = LimitExceeded(f"a body has at most {most_bytes} bytes ({limit})")
    return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error)
