"""Who waits until a collection has shown what his cursor names."""

from __future__ import annotations

from protobase_live.collection.messages import Reached
from protobase_live.collection.turn import Reaching
from protobase_storage import Vector, sequence_of


class Awaited:
    """They wait as long as they like: who gives up is forgotten when the next comes or something is shown."""

    def __init__(self) -> None:
        self._waiting: list[Reaching] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, reaching: Reaching) -> None:
        """Somebody waits; `look` at it."""
        self._waiting.append(reaching)

    def look(self, vector: Vector) -> None:
        """So much was shown: answer who waits for no more than that."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if _has_come(vector, each.wanted):
                each.envelope.reply(Reached(vector, each.renewed))
            elif each.envelope.pending:
                self._waiting.append(each)

    def end(self, vector: Vector) -> None:
        """No more will be shown here: whoever is left asks again."""
        for each in self._waiting:
            each.envelope.reply(Reached(vector, each.renewed))
        self._waiting.clear()


def _has_come(here: Vector, wanted: Vector) -> bool:
    return all(sequence_of(here, origin) >= sequence for origin, sequence in wanted.items())
