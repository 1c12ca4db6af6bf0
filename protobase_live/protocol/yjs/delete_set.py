"""Delete sets: which clocks of which clients are deleted (Yjs `DeleteSet`)."""

from __future__ import annotations

from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.varint import varuint


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
        if self._encoded is None:
            parts = [varuint(len(self.by_client))]
            for client in sorted(self.by_client, reverse=True):
                parts += [varuint(client), self.by_client[client].encode()]
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
