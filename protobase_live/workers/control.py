"""What a supervisor and a worker say to each other: lines of JSON over a socket pair."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from protobase_live.collection.mistakes import at_debug, summary

LINE_BYTES = 16 * 1024 * 1024
"""Longest line: a page of figures, or digests of which worker and supervisor know."""

Said = dict[str, Any]

Do = Callable[[str, Any], Awaitable[None]]
"""Does what the other end says: what, and with which value."""

_log = logging.getLogger(__name__)


class Control:
    """One end of it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Control:
        """The one over this socket."""
        return cls(*await asyncio.open_connection(sock=end, limit=LINE_BYTES))

    def say(self, **said: Any) -> None:
        """Say something; lost if nobody is there any more, which `hear` tells."""
        if not self._writer.is_closing():
            self._writer.write(json.dumps(said).encode() + b"\n")

    async def hear(self) -> Said | None:
        """What the other says next; None when it is gone."""
        try:
            line = await self._reader.readline()
        except (OSError, ValueError):
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    async def obey(self, do: Do) -> None:
        """Do one after the other what the other end says, until it is gone; what fails, fails alone."""
        while (said := await self.hear()) is not None:
            for what, value in said.items():
                await _attempt(do, what, value)

    def close(self) -> None:
        """Say and hear nothing any more."""
        self._writer.close()


async def _attempt(do: Do, what: str, value: Any) -> None:
    """Do what the supervisor says; if that fails, tell the log and go on, for what it says next."""
    try:
        await do(what, value)
    except Exception as error:
        fields = {"event": "order_failed"}
        told = "what the supervisor says (%s) cannot be done: %s"
        _log.error(told, what, summary(error), exc_info=at_debug(error), extra=fields)
