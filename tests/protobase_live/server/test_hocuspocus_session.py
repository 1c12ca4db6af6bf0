"""What a Hocuspocus client hears of presence beside what others hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from protobase_actors import ManualClock
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import Entry, encode_entries, readable_entries
from protobase_live.server import hocuspocus_session
from protobase_live.server.hocuspocus_session import HocuspocusPresence
from protobase_live.server.limits import ServerLimits


class Room:
    """The hub and the membership of a client, and its line."""

    crowded = False

    def __init__(self) -> None:
        self.show_client: Callable[[bytes], None] = lambda _: None
        self.sent: list[bytes] = []
        line = cast(Any, self)
        self.presence = HocuspocusPresence(line, "notes", line, ManualClock(), ServerLimits())

    def join(self, collection: str, show: Callable[[bytes], None]) -> tuple[Room, None]:
        self.show_client = show
        return self, None

    def introduce(self, payload: bytes) -> None:
        """It says who it is."""

    def welcome(self) -> bytes:
        return encode_entries([])

    def show(self, shared: Any) -> None:
        self.sent.append(shared.message)

    def write(self, message: bytes) -> None:
        self.sent.append(message)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The updates whose entries were looked at."""
    read: list[bytes] = []

    def readable(payload: bytes) -> list[Entry]:
        read.append(payload)
        return readable_entries(payload)

    monkeypatch.setattr(hocuspocus_session, "readable_entries", readable)
    return read


@pytest.mark.parametrize("own", [7, 300, 2**53 - 1])
def test_who_hears_last_that_it_is_gone_is_asked(own: int):
    room = Room()
    room.presence.apply(encode_entries([Entry(own, 1, "{}")]))
    for clock in (2, 2**52):
        room.sent.clear()
        told = encode_entries([Entry(5, 2, "{}"), Entry(own, clock, None)])
        room.show_client(told)
        assert room.sent == [yjs.encode_awareness(told), yjs.QUERY_AWARENESS_FRAME]


def test_that_others_are_gone_costs_nothing(read: list[bytes]):
    """Each who is there is told so, in what may name thousands."""
    room = Room()
    room.presence.apply(encode_entries([Entry(70_000, 1, "{}")]))
    read.clear()
    for last in (Entry(5, 2, None), Entry(70_001, 2, None), Entry(5, 2, "{}")):
        told = encode_entries([Entry(70_000, 2, "{}"), Entry(9, 2, None), Entry(9, 2, '{"name": 1}'), last])
        room.show_client(told)
        assert room.sent.pop() == yjs.encode_awareness(told)
    assert read == []


@pytest.mark.parametrize("own", [7, 300, 2**53 - 1])
def test_that_it_is_gone_itself_is_read_from_the_end(read: list[bytes], own: int):
    room = Room()
    room.presence.apply(encode_entries([Entry(own, 1, "{}")]))
    read.clear()
    room.show_client(encode_entries([Entry(5, 2, "{}"), Entry(own, 2, None)]))
    assert room.sent[-1] == yjs.QUERY_AWARENESS_FRAME
    assert read == []
