"""Calls an ASGI application without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from protobase_live.server.asgi_types import App, Message


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The class of the error that it tells."""
        return self.json["error"]["type"]


def scope_of(method: str, path: str, headers: Mapping[str, str], root: str = "") -> dict[str, Any]:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "method": method,
        "root_path": root,
        "path": root + unquote(raw),
        "raw_path": (quote(root) + raw).encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }


class Exchange:
    """One request, and what was sent of its answer until now."""

    def __init__(
        self,
        app: App,
        method: str,
        path: str,
        body: Any = None,
        root: str = "",
        room: int = 0,
        **headers: str,
    ) -> None:
        """``room`` is for how many messages that were not read; 0: for any number."""
        self.sent: asyncio.Queue[Message] = asyncio.Queue(room)
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._received.put_nowait({"type": "http.request", "body": data})
        scope = scope_of(method, path, {"host": "localhost", **named}, root)
        self.task = asyncio.ensure_future(app(scope, self._received.get, self.sent.put))

    def leave(self) -> None:
        """The client goes away."""
        self._received.put_nowait({"type": "http.disconnect"})

    async def response(self) -> Response:
        """The whole of it."""
        await self.task
        start = self.sent.get_nowait()
        body = b"".join(self.sent.get_nowait()["body"] for _ in range(self.sent.qsize()))
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Response(start["status"], headers, body)

    async def part(self) -> bytes:
        """The next piece of its body."""
        message = await self.sent.get()
        return await self.part() if message["type"] == "http.response.start" else message["body"]


async def call(app: App, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """What is answered to a request; ``_`` in the name of a header stands for ``-``."""
    return await Exchange(app, method, path, body, **headers).response()
