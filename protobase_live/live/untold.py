"""What a view took in and has not told yet, because it is a part of something that is shown whole."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.query.engine.operator import Delta, Identity, Pair, alike


class Untold:
    """Deltas, folded into one as long as that is kept for watchers."""

    def __init__(self, most: int) -> None:
        """Nothing is held of what changes more than ``most`` rows."""
        self.forgotten = False
        """Whether it is not known what changed."""
        self.asked_for = False
        """Whether somebody waits until it is told."""
        self._most = most
        self._found: dict[Identity, Pair] = {}

    def add(self, delta: Delta) -> None:
        """More has changed."""
        if not self.forgotten:
            _fold(self._found, delta)
            if len(self._found) > self._most:
                self.forget()

    def forget(self) -> None:
        """Hold nothing of it."""
        self.forgotten = True
        self._found.clear()

    @property
    def delta(self) -> Delta | None:
        """One delta with the effect of all; None if that is not known."""
        return None if self.forgotten else _net(self._found)


def folded(deltas: Iterable[Delta]) -> Delta:
    """One delta with the effect of all, in order."""
    found: dict[Identity, Pair] = {}
    for each in deltas:
        _fold(found, each)
    return _net(found)


def _fold(found: dict[Identity, Pair], delta: Delta) -> None:
    for before, after in delta:
        item = before or after
        assert item is not None
        first = found.get(item[0])
        found[item[0]] = (first[0] if first else before, after)


def _net(found: dict[Identity, Pair]) -> Delta:
    return [pair for pair in found.values() if not alike(*pair)]
