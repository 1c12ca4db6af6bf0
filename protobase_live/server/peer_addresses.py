"""Where nodes find each other."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.errors import ValidationError
from protobase_live.model.arguments import texts

PEER_PATH = "/peer"


def check_peers(urls: Sequence[str]) -> tuple[str, ...]:
    """The addresses of other nodes. Raises ValidationError for what is none."""
    urls = texts("peers=", "a list such as ['ws://host:8765/peer']", urls)
    for url in urls:
        if not url.startswith(("ws://", "wss://")):
            raise ValidationError(f"{url!r} is no address of a node; write it like ws://host:8765/peer")
    return tuple(url if url.partition("://")[2].count("/") else url + PEER_PATH for url in urls)
