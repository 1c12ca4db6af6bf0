"""What a Yjs client asks for with its address, and the subprotocols that it offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from protobase_live.errors import ProtoBaseError
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest

TOKEN_PROTOCOL = "protobase-token"
"""The subprotocol behind which a client names its token: it is the one that is answered, and no secret."""


class Asked(NamedTuple):
    """What a client asks for."""

    path: str
    """The name of a collection, percent-encoded."""
    token: str | None
    echo: bool
    """Whether what it writes is to come back to it."""
    imports: bool
    """Whether it brings what may have been deleted, and is meant to."""
    forbidden: str | None
    """Why pages of its origin may not connect."""
    request: ClientRequest = NOTHING_KNOWN
    """What it came with."""
    refusal: ProtoBaseError | None = None
    """Why it is not let in, if that is known already."""


def asked_for(path: str, query: str, offered: Sequence[str], forbidden: str | None) -> Asked:
    """What a client asks for with its address, and the subprotocols that it offers."""
    options = parse_qs(query)
    token = options["token"][0] if "token" in options else _token_among(offered)
    echo, imports = (options.get(name) == ["1"] for name in ("echo", "import"))
    return Asked(path, token, echo, imports, forbidden)


def _token_among(offered: Sequence[str]) -> str | None:
    """The token in the subprotocols that a client offers: behind `TOKEN_PROTOCOL`, or alone."""
    match offered:
        case [first, token, *_] if first == TOKEN_PROTOCOL:
            return token
        case [token] if token != TOKEN_PROTOCOL:
            return token
        case _:
            return None
