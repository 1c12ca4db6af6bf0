"""Messages with commits that the other node has not said to be durable there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from protobase_live.collection.former import History
from protobase_storage import Vector


@dataclass(frozen=True, slots=True)
class Sent:
    """One of them."""

    size: int
    """In bytes of packed commits."""
    since: float
    """Since when the other node lacks something of it, in seconds of the clock."""
    positions: Mapping[str, tuple[History, Vector]]
    """What it brings of each collection. What was sent before may turn out not to have been taken."""


class Unanswered:
    """All of them, by the numbers that they are sent under: 1, 2 and so on."""

    def __init__(self) -> None:
        self.bytes = 0
        """Of packed commits."""
        self._sent: dict[int, Sent] = {}
        self._number = 0

    def add(self, sent: Sent) -> int:
        """The number to send it under."""
        self._number += 1
        self._sent[self._number] = sent
        self.bytes += sent.size
        return self._number

    def answered(self, number: int) -> Iterator[Sent]:
        """Let go of the messages up to this one, in their order."""
        for each in [each for each in self._sent if each <= number]:
            sent = self._sent.pop(each)
            self.bytes -= sent.size
            yield sent

    @property
    def since(self) -> dict[str, float]:
        """Since when the other node lacks something of them, by collection."""
        return earliest(*(dict.fromkeys(each.positions, each.since) for each in self._sent.values()))


def earliest(*told: Mapping[str, float]) -> dict[str, float]:
    """Of each collection the least of what is told."""
    found: dict[str, float] = {}
    for name, since in chain.from_iterable(each.items() for each in told):
        found[name] = min(since, found.get(name, since))
    return found
