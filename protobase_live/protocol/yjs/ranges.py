"""Sorted ranges of clocks: what a delete set says of one client."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from operator import add, lt, sub

from protobase_live.protocol.yjs.varint import varuint, varuints

FEW_RANGES = 8
"""So few ranges are read and added one by one, which is faster then."""

STEP_RANGES = 5_000
"""How many are encoded without a pause; it takes some milliseconds."""


class Ranges:
    """Disjoint ranges in order, none touching the next. A range does not include its end."""

    __slots__ = ("_encoded", "ends", "starts")
    __hash__ = None  # type: ignore[assignment]  # ranges change

    def __init__(self, starts: Sequence[int] = (), ends: Sequence[int] = ()) -> None:
        """With ranges that are in order and do not touch."""
        self.starts: list[int] = list(starts)
        self.ends: list[int] = list(ends)
        self._encoded: bytes | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self.starts == other.starts and self.ends == other.ends

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.starts, self.ends, strict=True)

    def __len__(self) -> int:
        return len(self.starts)

    def __contains__(self, clock: int) -> bool:
        found = bisect_right(self.starts, clock) - 1
        return found >= 0 and clock < self.ends[found]

    def add(self, start: int, end: int) -> list[tuple[int, int]]:
        """Add a range; answers with the parts of it that were not there."""
        starts, ends = self.starts, self.ends
        if not ends or start > ends[-1]:
            self._encoded = None
            starts.append(start)
            ends.append(end)
            return [(start, end)]
        if start == ends[-1]:
            self._encoded = None
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
            self._encoded = None
            if first < last:
                start, end = min(start, starts[first]), max(end, ends[last - 1])
            starts[first:last] = [start]
            ends[first:last] = [end]
        return new

    def merge(self, others: Ranges) -> Ranges:
        """Add many ranges in one pass; answers with the parts of them that were not there."""
        if len(others.ends) <= FEW_RANGES:
            parts = [part for start, end in others for part in self.add(start, end)]
            return Ranges([start for start, _ in parts], [end for _, end in parts])
        if not others.ends or not self.ends or others.starts[0] > self.ends[-1]:
            self._extend(others.starts, others.ends)
            return others
        new = self._lacking(others)
        if new.ends:
            self._unite(new)
        return new

    def covers(self, others: Ranges) -> bool:
        """Whether all of other ranges is here."""
        return not self._lacking(others).ends

    def _lacking(self, others: Ranges) -> Ranges:
        """The parts of other ranges that are not here."""
        starts, ends, new, at = self.starts, self.ends, Ranges(), 0
        for start, end in others:
            at = bisect_right(ends, start, at)
            if at < len(ends) and starts[at] <= start and end <= ends[at]:
                continue
            while start < end:
                stop = min(starts[at], end) if at < len(starts) else end
                if start < stop:
                    new.starts.append(start)
                    new.ends.append(stop)
                if stop == end:
                    break
                start = ends[at]
                if start < end:
                    at += 1
        return new

    def _unite(self, new: Ranges) -> None:
        """Add ranges of which no clock is here."""
        starts, ends, merged = self.starts, self.ends, Ranges()
        first = at = bisect_left(ends, new.starts[0])
        for start, end in new:
            behind = bisect_left(ends, start, at)
            merged.starts += starts[at:behind]
            merged.ends += ends[at:behind]
            at = behind
            if at < len(ends) and ends[at] == start:
                start = starts[at]
                at += 1
            elif merged.ends and merged.ends[-1] == start:
                start = merged.starts.pop()
                merged.ends.pop()
            if at < len(starts) and starts[at] == end:
                end = ends[at]
                at += 1
            merged.starts.append(start)
            merged.ends.append(end)
        starts[first:at] = merged.starts
        ends[first:at] = merged.ends
        self._encoded = None

    def extend(self, starts: Sequence[int], lengths: Sequence[int], limit: int) -> bool:
        """Add ranges that come behind all that are here and end at `limit` or before.

        False: they do not, or are not in order, or one is empty or touches the next; nothing was added.
        """
        ends = list(map(add, starts, lengths))
        before = [self.ends[-1] if self.ends else -1, *ends[:-1]]
        if 0 in lengths or ends[-1] > limit or not all(map(lt, before, starts)):
            return False
        self._extend(starts, ends)
        return True

    def _extend(self, starts: Sequence[int], ends: Sequence[int]) -> None:
        """Add ranges that come behind all that are here."""
        self._encoded = None
        self.starts += starts
        self.ends += ends

    def split(self, clock: int) -> tuple[Ranges, Ranges]:
        """What is before a clock, and what is from there on."""
        if not self.ends or self.ends[-1] <= clock:
            return self, Ranges()
        at = bisect_right(self.ends, clock)
        before = Ranges(self.starts[:at], self.ends[:at])
        behind = Ranges(self.starts[at:], self.ends[at:])
        if behind.starts[0] < clock:
            before._extend((behind.starts[0],), (clock,))
            behind.starts[0] = clock
        return before, behind

    def portions(self, size: int) -> Iterator[Ranges]:
        """All of it, in portions of at most `size` ranges."""
        if 0 < len(self.ends) <= size:
            yield self
            return
        for at in range(0, len(self), size):
            yield Ranges(self.starts[at : at + size], self.ends[at : at + size])

    def encode(self) -> bytes:
        """As a delete set has it: how many they are, then where each starts and how long it is.

        Kept until something is added: everybody who joins is sent it.
        """
        if self._encoded is None:
            self._encoded = varuint(len(self)) + self._numbers()
        return self._encoded

    def encode_in_steps(self) -> Generator[None, None, bytes]:
        """`encode` with pauses, in which nothing may be added."""
        if self._encoded is None and len(self) > STEP_RANGES:
            parts = [varuint(len(self))]
            for portion in self.portions(STEP_RANGES):
                parts.append(portion._numbers())
                yield
            self._encoded = b"".join(parts)
        return self.encode()

    def _numbers(self) -> bytes:
        lengths = map(sub, self.ends, self.starts)
        return varuints(chain.from_iterable(zip(self.starts, lengths, strict=True)))

    def size_at(self, data: bytes | bytearray, pos: int) -> int:
        """How many bytes of `data` from `pos` on are these very ranges, encoded; 0 if others stand there."""
        if len(data) - pos <= 2 * len(self.ends) or not data.startswith(varuint(len(self)), pos):
            return 0
        encoded = self.encode()
        return len(encoded) if data.startswith(encoded, pos) else 0
