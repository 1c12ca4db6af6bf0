"""Where nodes find each other."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.errors import ValidationError

PEER_PATH = "/peer"


def check_peers(urls: Sequence[str]) -> tuple[str, ...]:
    """The addresses of other nodes. Raises ValidationError for what is none."""
    for url in urls:
        if not url.startswith(("ws://", "wss://")):
            raise ValidationError(f"{url!r} is no address of a node; write it like ws://host:8765/peer")
    return tuple(url if url.partition("://")[2].count("/") else url + PEER_PATH for url in urls)
