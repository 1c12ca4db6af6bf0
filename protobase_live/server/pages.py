"""The pages of a server: liveness, readiness, figures, what else there is, and the inspector."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from protobase_live.database.database import Database
from protobase_live.server.page_files import PAGES, PageFiles
from protobase_live.server.rest.answers import Answer, plain_page
from protobase_live.server.rest.cors import Refuses

DOORS = """\
ProtoBase Live
  /yjs/<collection>   stock y-websocket clients
  /hocuspocus         stock @hocuspocus/provider clients
  /live               the live protocol
  /api/v1             REST; its description is /api/v1/openapi.json
  /healthz /readyz /metrics
"""

NOT_BUILT = """
The inspector is not built. In a clone of the repository 'npm ci' and 'npm run build' in web_demo/ build it,
which needs Node 20 or newer. A wheel has it already.
"""

INSPECTOR = PAGES / "inspector"
"""Its files; ``index.html`` is what is shown at ``/``."""

INSPECTOR_PREFIX = "/inspector/"
"""Where the other ones are."""

METHODS = "GET", "HEAD"
"""How pages are asked for; whoever sends an answer leaves out the body of the second."""


class Inspector:
    """What is answered where the inspector is, to browsers and others."""

    def __init__(self, doors: str, files: PageFiles | None = None) -> None:
        """``doors`` is what is told to who asks for no page."""
        self._doors = doors
        self._files = files or PageFiles(INSPECTOR)

    async def answer(self, path: str, accept: str) -> Answer | None:
        """The page at ``/``, or a file of it; None if there is nothing. ``accept`` is that header."""
        if path == "/":
            return await self._front(accept)
        return await self._files.answer(path) if path.startswith(INSPECTOR_PREFIX) else None

    async def _front(self, accept: str) -> Answer:
        wanted = "text/html" in accept.lower()
        page = await self._files.answer("/") if wanted else None
        if page is None:
            page = plain_page(HTTPStatus.OK, self._doors + (NOT_BUILT if wanted else ""))
        return replace(page, headers=[*page.headers, ("vary", "Accept")])


class Pages:
    """What is answered to a request for them, whichever stack took it."""

    def __init__(
        self,
        database: Database,
        metrics: Callable[[str], Awaitable[Answer]],
        refusal: Refuses,
        *,
        inspector: bool,
    ) -> None:
        """``metrics`` is the page of figures, by the header ``Accept``; ``inspector``: whether there is that
        one. ``refusal`` says why who comes with these headers ``Origin`` and ``Host`` may not read
        the figures, or None; all else is told to anybody.
        """
        self._database = database
        self._metrics = metrics
        self._refusal = refusal
        self._inspector = Inspector(DOORS) if inspector else None
        self.closing = False
        """Whether the server is about to stop."""

    async def page(self, path: str, headers: Mapping[str, str]) -> Answer | None:
        """The page at ``path`` for who sent these headers, by small letters; None if there is none."""
        accept = headers.get("accept", "")
        match path:
            case "/healthz":
                silence = self._database.health.silence
                return plain_page(HTTPStatus.OK, f"ok, but {silence}\n" if silence else "ok\n")
            case "/readyz":
                return self._readiness()
            case "/metrics":
                return await self._figures(headers)
            case _ if self._inspector is not None:
                return await self._inspector.answer(path, accept)
            case "/":
                return plain_page(HTTPStatus.OK, DOORS)
            case _:
                return None

    async def answer(self, method: str, path: str, headers: Mapping[str, str], is_door: bool) -> Answer:
        """What is answered to a request at ``path``; ``is_door`` is whether WebSockets are served there."""
        page = await self.page(path, headers)
        if page is None and is_door:
            return websocket_door(path)
        if page is None or method in METHODS:
            return page or no_door(path)
        said = f"{path} is a page: ask for it with {' or '.join(METHODS)}\n"
        return plain_page(HTTPStatus.METHOD_NOT_ALLOWED, said, [("allow", ", ".join(METHODS))])

    async def _figures(self, headers: Mapping[str, str]) -> Answer:
        """What is at ``/metrics``. No web page reads it whose name was made to stand for this machine."""
        origins = [headers["origin"]] if "origin" in headers else []
        if reason := self._refusal(origins, [headers.get("host", "")]):
            return plain_page(HTTPStatus.FORBIDDEN, f"{reason}\n")
        return await self._metrics(headers.get("accept", ""))

    def _readiness(self) -> Answer:
        """Whether clients had better come here now."""
        reason = "the server is stopping" if self.closing else None
        reason = reason or ("the database is closed" if self._database.closed else None)
        if reason is None and (failure := self._database.health.failure):
            reason = f"the storage fails: {failure}"
        if reason is None:
            return plain_page(HTTPStatus.OK, "ready\n")
        return plain_page(HTTPStatus.SERVICE_UNAVAILABLE, f"not ready: {reason}\n")


def websocket_door(path: str) -> Answer:
    """What is answered to a plain request where WebSockets are served."""
    wanted = ("upgrade", "websocket"), ("connection", "upgrade")
    return plain_page(HTTPStatus.UPGRADE_REQUIRED, f"{path} is a door for WebSockets\n", wanted)


def no_door(path: str) -> Answer:
    """What is answered where there is neither a page nor a door."""
    return plain_page(HTTPStatus.NOT_FOUND, f"no door at {path}\n{DOORS}")


def as_response(connection: ServerConnection, told: Answer) -> Response:
    """An answer, all of which are text, as the WebSocket library gives it."""
    response = connection.respond(told.status, told.body.decode())
    del response.headers["Content-Type"]
    response.headers.update([*told.headers, ("Content-Type", told.type)])
    return response
