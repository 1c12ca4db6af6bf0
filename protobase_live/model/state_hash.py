"""What a collection shows, as a hash, and the commits that made it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateHash:
    """What `state_hash` answers with. Two collections with equal hashes show the same."""

    hash: str
    """64 digits of hexadecimal (BLAKE2b) of what users see: records, structures, texts with their formats."""
    vector: Mapping[str, int]
    """The commits that it is of: of each origin, the number of the last one."""
