"""Server-sent events, written and read (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

from typing import NamedTuple

from protobase_live.errors import ProtocolError

CONTENT_TYPE = "text/event-stream"

BEAT = b":\n\n"
"""A comment: readers pass it over, and whatever is between hears that the connection lives."""


class Event(NamedTuple):
    """One event."""

    kind: str
    data: bytes


def event(kind: str, data: bytes, id: str | None = None) -> bytes:
    """One event as it is sent; ``data`` has no line breaks."""
    own = b"" if id is None else b"id: %b\n" % id.encode()
    return b"%bevent: %b\ndata: %b\n\n" % (own, kind.encode(), data)


class EventReader:
    """The events in what comes, however it is cut. Lines end with a line feed, as `event` writes them."""

    def __init__(self, most_bytes: int) -> None:
        """An event takes at most ``most_bytes``."""
        self._most_bytes = most_bytes
        self._pending = bytearray()

    @property
    def unfinished(self) -> int:
        """Bytes of an event that has not ended."""
        return len(self._pending)

    def feed(self, data: bytes) -> list[Event]:
        """The events that end in ``data``. Raises ProtocolError for one that is too long."""
        searched = max(0, len(self._pending) - 1)
        self._pending += data
        found: list[Event] = []
        while (end := self._pending.find(b"\n\n", searched)) >= 0:
            read = _read(bytes(self._pending[:end]))
            found += [read] if read.data else []
            del self._pending[: end + 2]
            searched = 0
        if len(self._pending) > self._most_bytes:
            raise ProtocolError(f"an event has more than {self._most_bytes} bytes")
        return found


def _read(block: bytes) -> Event:
    kind, data = "message", list[bytes]()
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name == b"event":
            kind = value.removeprefix(b" ").decode(errors="replace")
        elif name == b"data":
            data.append(value.removeprefix(b" "))
    return Event(kind, b"\n".join(data))
