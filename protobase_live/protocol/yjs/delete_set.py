"""Delete sets: which clocks of which clients are deleted (Yjs `DeleteSet`)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from itertools import islice

from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.ranges import STEP_RANGES, Ranges
from protobase_live.protocol.yjs.varint import varuint

Gone = tuple[int, int, int]
"""Deleted clocks: the client, the first one, and the one behind the last."""


class DeleteSet:
    """The deleted clocks of each client. They change through here alone."""

    __slots__ = ("_encoded", "by_client")

    def __init__(self) -> None:
        self.by_client: dict[int, Ranges] = {}
        self._encoded: bytes | None = None

    def __bool__(self) -> bool:
        return bool(self.by_client)

    def add(self, client: int, start: int, end: int) -> list[tuple[int, int]]:
        """Add clocks of a client; answers with those that were not deleted yet."""
        ranges = self.by_client.get(client)
        if ranges is None:
            ranges = self.by_client[client] = Ranges()
        new = ranges.add(start, end)
        if new:
            self._encoded = None
        return new

    def merge(self, client: int, ranges: Ranges) -> Ranges:
        """Add many clocks of a client; answers with those that were not deleted yet."""
        if not ranges.ends:
            return ranges
        new = self.by_client.setdefault(client, Ranges()).merge(ranges)
        if new.ends:
            self._encoded = None
        return new

    def clear(self) -> None:
        """Forget it all."""
        self.by_client.clear()
        self._encoded = None

    def encode(self) -> bytes:
        """As it stands at the end of an update; clients with higher ids come first, as Yjs writes them.

        Kept until something is added.
        """
        return at_once(self.encode_in_steps())

    def encode_in_steps(self) -> Generator[None, None, bytes]:
        """`encode` with pauses, in which nothing may be added: there may be a million ranges, or clients."""
        if self._encoded is None:
            parts = [varuint(len(self.by_client))]
            for number, client in enumerate(sorted(self.by_client, reverse=True), 1):
                parts += [varuint(client), (yield from self.by_client[client].encode_in_steps())]
                if number % STEP_RANGES == 0:
                    yield
            self._encoded = b"".join(parts)
        return self._encoded

    def ends(self, data: bytes | bytearray, pos: int) -> bool:
        """Whether `data` ends with this very delete set from `pos` on, as far as that is easily known."""
        encoded = self._encoded
        return encoded is not None and len(encoded) == len(data) - pos and data.endswith(encoded)

    def size_at(self, client: int, data: bytes | bytearray, pos: int) -> int:
        """How many bytes of `data` from `pos` on are the very ranges of a client; 0 if others stand there."""
        ranges = self.by_client.get(client)
        return 0 if ranges is None else ranges.size_at(data, pos)

    def __iter__(self) -> Iterator[Gone]:
        return ((client, *each) for client, ranges in self.by_client.items() for each in ranges)


def in_portions(gone: Iterable[Gone], size: int) -> Iterator[bytes]:
    """Deleted ranges as encoded delete sets of at most `size` of them; there is at least one."""
    left = iter(gone)
    yield _encoded(islice(left, size))
    while portion := tuple(islice(left, size)):
        yield _encoded(portion)


def _encoded(gone: Iterable[Gone]) -> bytes:
    deletes = DeleteSet()
    for client, start, end in gone:
        deletes.add(client, start, end)
    return deletes.encode()
