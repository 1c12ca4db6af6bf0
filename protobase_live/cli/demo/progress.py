"""How far the nodes are behind each other, by the commits that each of them has."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_storage import writer_of

MOMENTS = 1_000
"""Moments that are remembered of what one writer made in one collection; one more takes the last one's
place, so that the oldest that somebody lacks stays known."""

Vectors = Mapping[str, Mapping[str, int]]
"""By collection, how many commits of each origin somebody has, or of each writer."""


class Progress:
    """What each node had when it was looked at the last time, and since when there was how much."""

    def __init__(self) -> None:
        self._had: dict[str, Vectors] = {}
        self._moments: dict[tuple[str, str], list[tuple[float, int]]] = {}
        """Of each collection and writer: when it was first seen, anywhere, that there are so many."""

    def note(self, now: float, node: str, vectors: Vectors) -> None:
        """This is what a node has, at a moment in seconds."""
        had = self._had[node] = {name: _by_writer(vector) for name, vector in vectors.items()}
        for collection, vector in had.items():
            for writer, sequence in vector.items():
                self._remember(now, (collection, writer), sequence)

    def _remember(self, now: float, place: tuple[str, str], sequence: int) -> None:
        moments = self._moments.setdefault(place, [])
        if moments and moments[-1][1] >= sequence:
            return
        everywhere = min(_sequence(had, place) for had in self._had.values())
        while moments and moments[0][1] <= everywhere:
            moments.pop(0)
        if len(moments) >= MOMENTS:
            moments.pop()
        moments.append((now, sequence))

    def behind(self, a: str, b: str) -> int:
        """Commits that one of two nodes has and the other lacks, both ways."""
        return sum(
            abs(_sequence(self._of(a), each) - _sequence(self._of(b), each)) for each in self._places(a, b)
        )

    def lag(self, now: float, a: str, b: str) -> float:
        """For how many seconds the oldest of these has been lacking."""
        since = (self._since(place, a, b) for place in self._places(a, b))
        return max((now - moment for moment in since if moment is not None), default=0.0)

    def _since(self, place: tuple[str, str], a: str, b: str) -> float | None:
        both = _sequence(self._of(a), place), _sequence(self._of(b), place)
        lacking = (moment for moment, sequence in self._moments[place] if sequence > min(both))
        return next(lacking, None) if both[0] != both[1] else None

    def _places(self, a: str, b: str) -> set[tuple[str, str]]:
        vectors = (*self._of(a).items(), *self._of(b).items())
        return {(collection, writer) for collection, vector in vectors for writer in vector}

    def _of(self, node: str) -> Vectors:
        return self._had.get(node, {})


def _by_writer(vector: Mapping[str, int]) -> Mapping[str, int]:
    """Without the timelines, through which a writer counts on."""
    return {writer_of(origin): sequence for origin, sequence in vector.items()}


def _sequence(had: Vectors, place: tuple[str, str]) -> int:
    collection, writer = place
    return had.get(collection, {}).get(writer, 0)
