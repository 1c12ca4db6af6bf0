"""The plain pages of a server: liveness, readiness, figures, and what else there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from protobase_live.database.database import Database

DOORS = """\
ProtoBase Live
  /yjs/<collection>   stock y-websocket clients
  /hocuspocus         stock @hocuspocus/provider clients
  /live               the live protocol
  /api/v1             REST; its description is /api/v1/openapi.json
  /healthz /readyz /metrics
"""

Page = tuple[HTTPStatus, str]


class Pages:
    """What is answered to a GET of them, whichever stack took the request."""

    def __init__(self, database: Database, metrics: Callable[[], Awaitable[str]]) -> None:
        self._database = database
        self._metrics = metrics
        self.closing = False
        """Whether the server is about to stop."""

    async def page(self, path: str) -> Page | None:
        """The status and the text of the page at ``path``; None if there is none."""
        match path:
            case "/healthz":
                return HTTPStatus.OK, "ok\n"
            case "/readyz":
                return self._readiness()
            case "/metrics":
                return HTTPStatus.OK, await self._metrics()
            case "/":
                return HTTPStatus.OK, DOORS
            case _:
                return None

    def _readiness(self) -> Page:
        """Whether clients had better come here now."""
        reason = "the server is stopping" if self.closing else None
        reason = reason or ("the database is closed" if self._database.closed else None)
        if reason is None and (failure := self._database.health.failure):
            reason = f"the storage fails: {failure}"
        if reason is None:
            return HTTPStatus.OK, "ready\n"
        return HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {reason}\n"


def no_door(path: str) -> Page:
    """What is answered where there is neither a page nor a door."""
    return HTTPStatus.NOT_FOUND, f"no door at {path}\n{DOORS}"
