"""What a supervisor and a worker say to each other: lines of JSON over a socket pair."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

LINE_BYTES = 16 * 1024 * 1024
"""Longest line: a page of figures, or digests of which worker and supervisor know."""

Said = dict[str, Any]


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

    def close(self) -> None:
        """Say and hear nothing any more."""
        self._writer.close()
