"""Whether what a transaction has read is still so."""

from __future__ import annotations

from collections.abc import Generator, Sequence

from protobase_live.collection.digests import PAUSE_BYTES, Digests
from protobase_live.errors import Conflict, LimitExceeded
from protobase_live.model.operations import Check

CHECK_BYTES = 1024
"""What a check costs beside its answer: some need a look at much that they do not give."""


def check_in_steps(digests: Digests, checks: Sequence[Check], most: int) -> Generator[None, None, None]:
    """Ask again what ``checks`` of one collection rely on, with pauses.

    Raises Conflict if an answer has changed, LimitExceeded if all answers together have more than ``most``
    bytes, and what reading raises.
    """
    compared = unpaused = 0
    for check in checks:
        found = yield from digests.of(check.read)
        compared += found.size
        unpaused += CHECK_BYTES + found.size % PAUSE_BYTES  # it has paused for the rest
        if unpaused >= PAUSE_BYTES:
            unpaused = 0
            yield
        if found.digest != check.digest:
            raise Conflict(f"{check.read} changed since it was read")
        if compared > most:
            raise LimitExceeded(f"a transaction relies on at most {most} bytes of what it read (check_bytes)")
