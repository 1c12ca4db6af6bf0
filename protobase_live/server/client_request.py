"""What a client came with, for an `authenticate` that asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from protobase_live.server.connection import Connection

FORWARDED = "x-forwarded-for"
"""The header in which proxies say for whom they ask."""

_SECRET_HEADERS = ("authorization", "cookie", "sec-websocket-protocol")


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """Who wants to come in, as far as the request for it says."""

    token: str | None = field(default=None, repr=False)
    """What the client says who it is with, None if it says nothing."""
    path: str = ""
    """Of the address that it asks for, without what follows a question mark."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """By their names in small letters; of several of one name they are joined by commas."""
    address: str | None = None
    """The host that it comes from; behind a proxy that is trusted, the one that the proxy names."""

    @property
    def secrets(self) -> list[str]:
        """What nobody else may read of it."""
        parts = [part for name in _SECRET_HEADERS for part in self.headers.get(name, "").split()]
        return [self.token or "", *(piece for part in parts for piece in part.strip(";,").split("=", 1))]


NOTHING_KNOWN = ClientRequest()


def request_of_socket(connection: Connection) -> ClientRequest:
    """The request that a WebSocket began with, before its headers are forgotten."""
    request = connection.request
    assert request is not None
    headers = {name.lower(): ", ".join(request.headers.get_all(name)) for name in request.headers}
    address = connection.arrivals.source(connection, headers.get(FORWARDED, ""))
    return ClientRequest(None, urlsplit(request.path).path, headers, address)
