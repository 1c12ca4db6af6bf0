"""Who answers the questions that other nodes ask over their links (`calls`)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from protobase_live.errors import Unavailable

Serve = Callable[[str, bytes], Awaitable[bytes]]
"""Answers the question of this name. Raises ProtoBaseError or StorageError: then there is no answer."""


async def nobody(name: str, body: bytes) -> bytes:
    """Answers nothing."""
    raise Unavailable(f"this node does not answer {name!r}")
