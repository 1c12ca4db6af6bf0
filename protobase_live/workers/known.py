"""What is known of deaths: in which updates workers died, may have died, and in which collections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from protobase_live.workers.flight_record import Doing


class Known:
    """The same for supervisor and workers; the supervisor judges, and tells the workers."""

    def __init__(self, most: int, collection_deaths: int) -> None:
        """``most`` of each kind are remembered, the newest; the rest is as in `WorkerLimits`."""
        self._most = most
        self._collection_deaths = collection_deaths
        self.refused: dict[str, None] = {}
        """Digests of updates that workers died of."""
        self.suspects: dict[str, None] = {}
        """Digests of updates that one may have died of, beside others."""
        self._deaths: dict[str, int] = {}

    @property
    def unloadable(self) -> Sequence[str]:
        """Collections in which workers died too often."""
        return [name for name, count in self._deaths.items() if count >= self._collection_deaths]

    def judge(self, doing: Doing, *, from_outside: bool) -> str:
        """A worker died while it did this; ``from_outside``: perhaps not of this, for anybody may kill it.

        What was sent and taken alone is to blame; else each of what was taken will be taken alone. Where
        nothing was sent, it is the collection, if it is not anybody. Answers with one word of what was
        found: ``refused``, ``suspect``, ``unloadable``, ``counted`` or ``unproven``.
        """
        digests = [digest for message in doing.sent for digest in message.digests]
        if not doing.sent and from_outside and doing.what != "load":
            return "unproven"
        if not doing.sent:
            self._deaths[doing.collection] = self._deaths.pop(doing.collection, 0) + 1
            self._forget(self._deaths)
            return "unloadable" if doing.collection in self.unloadable else "counted"
        was_suspect = all(digest in self.suspects for digest in digests)
        if len(doing.sent) == 1 and (was_suspect or not from_outside):
            self.refuse(digests)
            return "refused"
        self.suspects.update(dict.fromkeys(digests))
        self._forget(self.suspects)
        return "suspect"

    def refuse(self, digests: Iterable[str]) -> None:
        """Workers died of these."""
        for digest in digests:
            self.suspects.pop(digest, None)
            self.refused[digest] = None
        self._forget(self.refused)

    def _forget(self, found: dict[str, Any]) -> None:
        while len(found) > self._most:
            del found[next(iter(found))]

    def told(self) -> dict[str, Sequence[str]]:
        """What a worker is told."""
        return {
            "refused": list(self.refused),
            "suspects": list(self.suspects),
            "unloadable": self.unloadable,
        }
