"""What many connections are told, encoded once for all who are told it about the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from protobase_live.protocol.live.codec import Codec

OVERHEAD_BYTES = 200
"""What keeping an encoding costs beside its bytes."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An item of a list on the wire."""

    form: Any
    data: bytes


class Encodings:
    """The last encodings that were made by one codec, by the very object that they tell.

    What is told must not change: changes of a feed and rows of a view are replaced, never changed in place.
    """

    def __init__(self, codec: Codec, most_bytes: int = 0) -> None:
        """``most_bytes`` are kept; what is above it is encoded again for the next who is told."""
        self._codec = codec
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: dict[int, tuple[object, Encoded]] = {}

    def of(self, told: object, form: Callable[[], Any]) -> Encoded:
        """The encoding of what ``told`` is on the wire."""
        kept = self._kept.get(id(told))
        if kept is not None:
            return kept[1]
        made = form()
        encoded = Encoded(made, self._codec.encode_items([made]))
        self._keep(told, encoded)
        return encoded

    def behind(self, head: Sequence[Any], row: Any) -> bytes:
        """A list of ``head``, which is not empty, and a row, which others may be told behind another head."""
        return self._codec.encode_list(head, self.of(row, lambda: row).data)

    def alone(self, item: Any) -> bytes:
        """An item that is short, or nobody else's."""
        return self._codec.encode_items([item])

    def _keep(self, told: object, encoded: Encoded) -> None:
        size = len(encoded.data) + OVERHEAD_BYTES
        if size > self._most_bytes:
            return
        # The object is kept with it: as long as it is, no other one has its id.
        self._kept[id(told)] = told, encoded
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.pop(next(iter(self._kept)))
            self._bytes -= len(oldest.data) + OVERHEAD_BYTES
