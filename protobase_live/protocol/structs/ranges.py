"""Sorted ranges of clocks: what a delete set says of one client."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator


class Ranges:
    """Disjoint ranges in order, none touching the next. A range does not include its end."""

    __slots__ = ("ends", "starts")

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts, self.ends, strict=True)

    def __contains__(self, clock: int) -> bool:
        found = bisect_right(self.starts, clock) - 1
        return found >= 0 and clock < self.ends[found]

    def add(self, start: int, end: int) -> list[tuple[int, int]]:
        """Add a range; answers with the parts of it that were not there."""
        starts, ends = self.starts, self.ends
        if not ends or start > ends[-1]:
            starts.append(start)
            ends.append(end)
            return [(start, end)]
        if start == ends[-1]:
            ends[-1] = end
            return [(start, end)]
        first = bisect_left(ends, start)  # the first that touches the new one
        last = bisect_right(starts, end)  # behind the last that does
        new, at = list[tuple[int, int]](), start
        for known in range(first, last):
            if at < starts[known]:
                new.append((at, starts[known]))
            at = max(at, ends[known])
        if at < end:
            new.append((at, end))
        if new:
            if first < last:
                start, end = min(start, starts[first]), max(end, ends[last - 1])
            starts[first:last] = [start]
            ends[first:last] = [end]
        return new

    def overlapping(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The ranges that have clocks between `start` and `end`, cut to these."""
        at = bisect_right(self.ends, start)
        while at < len(self.starts) and self.starts[at] < end:
            yield max(start, self.starts[at]), min(end, self.ends[at])
            at += 1
