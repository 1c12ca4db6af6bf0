"""A set in a record while operations on it are judged: as reading will show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from protobase_live.structures import Stored, TwinnedKind
from protobase_live.structures.kind import Args


class ReplayedSet:
    """What operations of one transaction make of a set, counted or not.

    What is stored is asked for only where the plain value does not tell enough: that takes long.
    """

    def __init__(self, kind: TwinnedKind, stored: Callable[[], Stored]) -> None:
        """``stored`` gives what is stored before the first operation."""
        self._kind = kind
        self._stored = stored
        self._done: list[tuple[str, Args]] = []
        self._now: Stored | None = None
        """What is stored by now, once it was asked for."""

    def replay(self, value: Any, action: str, args: Args) -> Any:
        """The plain value that an operation makes of that which the last one left. Raises KindMismatch."""
        kind = self._kind
        if self._now is None and not kind.meets_twins(value, args):
            self._done.append((action, args))
            return kind.replay(value, action, args)
        now = self._so_far() if self._now is None else self._now
        self._now = kind.replay_stored(now, action, args)
        return kind.shown(self._now)

    def _so_far(self) -> Stored:
        found = self._stored()
        for action, args in self._done:
            found = self._kind.replay_stored(found, action, args)
        self._done.clear()
        return found
