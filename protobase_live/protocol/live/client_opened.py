"""Which structures a client has opened that no program has written: each server is to tell their changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from protobase_live.model.operations import Target
from protobase_live.protocol.live.client_messages import ReadRequest, Request
from protobase_live.protocol.live.stream_messages import MOST_STRUCTURES

_OPEN = "open"


class ClientOpened:
    """By collection, so that streams tell of them at whichever server the client goes to next."""

    def __init__(self, most: int = MOST_STRUCTURES) -> None:
        """Remembers ``most``; above that, the one that was opened longest ago is forgotten."""
        self._most = most
        self._opened: dict[tuple[str, Target], None] = {}

    def answered(self, request: Request, value: Any) -> None:
        """The server has answered a request; what a program has written it tells by itself."""
        if not isinstance(request, ReadRequest) or request.read.method != _OPEN:
            return
        opened = request.collection, request.read.target
        self._opened.pop(opened, None)
        if value is False:
            self._opened[opened] = None
        if len(self._opened) > self._most:
            del self._opened[next(iter(self._opened))]

    def of(self, collection: str) -> Sequence[Target]:
        """Those of a collection, in the order in which they were opened."""
        return [target for name, target in self._opened if name == collection]
