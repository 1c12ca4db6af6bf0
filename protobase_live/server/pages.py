"""The plain pages of a server: liveness, readiness, figures, and what else there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from protobase_live.database.database import Database
from protobase_live.server.rest.answers import Answer, plain_page

DOORS = """\
ProtoBase Live
  /yjs/<collection>   stock y-websocket clients
  /hocuspocus         stock @hocuspocus/provider clients
  /live               the live protocol
  /api/v1             REST; its description is /api/v1/openapi.json
  /healthz /readyz /metrics
"""

Page = tuple[HTTPStatus, str]

METHODS = "GET", "HEAD"
"""How pages are asked for; whoever sends an answer leaves out the body of the second."""


class Pages:
    """What is answered to a request for them, whichever stack took it."""

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

    async def answer(self, method: str, path: str, is_door: bool) -> Answer:
        """What is answered to a request at ``path``; ``is_door`` is whether WebSockets are served there."""
        page = await self.page(path)
        if page is None and is_door:
            wanted = ("upgrade", "websocket"), ("connection", "upgrade")
            return plain_page(HTTPStatus.UPGRADE_REQUIRED, f"{path} is a door for WebSockets\n", wanted)
        if page is None or method in METHODS:
            return plain_page(*(page or no_door(path)))
        said = f"{path} is a page: ask for it with {' or '.join(METHODS)}\n"
        return plain_page(HTTPStatus.METHOD_NOT_ALLOWED, said, [("allow", ", ".join(METHODS))])

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
