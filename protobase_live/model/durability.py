"""How sure is sure: on how many nodes a commit is durable before it is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protobase_live.errors import ValidationError

_PEERS = "peers="
_EXPECTED = "'local', 'majority', or 'peers=K' with K other nodes"


@dataclass(frozen=True, slots=True)
class Durability:
    """The nodes that a commit is asked to be durable on, beside the one that makes it."""

    peers: int | None
    """How many; None: as many as make a majority of all configured nodes."""

    def others(self, nodes: int) -> int:
        """How many other nodes that are, of ``nodes`` in all."""
        return nodes // 2 if self.peers is None else self.peers

    def __str__(self) -> str:
        if self.peers is None:
            return "majority"
        return f"{_PEERS}{self.peers}" if self.peers else "local"


LOCAL = Durability(0)
MAJORITY = Durability(None)


def durability(text: Any) -> Durability:
    """What ``text`` says: ``local``, ``majority`` or ``peers=K``. Raises ValidationError."""
    if text == "local":
        return LOCAL
    if text == "majority":
        return MAJORITY
    if isinstance(text, str) and text.startswith(_PEERS):
        count = text.removeprefix(_PEERS)
        if count.isascii() and count.isdecimal() and len(count) <= 4:
            return Durability(int(count))
    raise ValidationError(f"{repr(text)[:60]} is no durability; expected {_EXPECTED}")
