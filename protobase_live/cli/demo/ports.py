"""Ports of this machine that are kept for programs that are started later, and again."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from types import TracebackType

from protobase_live.cli.demo.node import HOST
from protobase_live.errors import Unavailable

TRIED = 40
"""How many ports are tried from the first one on before it is given up."""

KEEPS = sys.platform == "linux"
"""Whether a socket that is bound, and does not listen, keeps the system from giving its port to anybody, and
lets those listen there who name it (with ``SO_REUSEADDR``, which servers set). Elsewhere it would keep these
away, too, so that a port is free and no more than that."""

MOST = 65_535
"""The last port that there is."""


class ReservedPorts:
    """So many ports, from the first one on; 0: any. A context manager that lets go of them."""

    def __init__(self, first: int, count: int) -> None:
        """Raises Unavailable."""
        self._sockets: list[socket.socket] = []
        for candidate in range(first, min(first + TRIED, MOST + 1)) if first else [0] * count:
            if len(self._sockets) < count:
                self._bind(candidate)
        self.numbers: Sequence[int] = [each.getsockname()[1] for each in self._sockets]
        if len(self.numbers) < count or not KEEPS:
            self.close()
        if len(self.numbers) < count:
            raise Unavailable(f"no {count} ports are free from {first} on")

    def _bind(self, port: int) -> None:
        found = socket.socket()
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((HOST, port))
        except OSError:
            found.close()
        else:
            self._sockets.append(found)

    def close(self) -> None:
        """Let go of them; those who listen there go on."""
        for each in self._sockets:
            each.close()

    def __enter__(self) -> ReservedPorts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
