"""Messages with commits that the other node has not said to be durable there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

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
    def since(self) -> Iterable[float]:
        """Since when the other node lacks something of each."""
        return [each.since for each in self._sent.values()]
