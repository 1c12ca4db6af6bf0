"""Awareness: who is present in a document, and with what cursor, colour and name.

Format and rules: y-protocols `awareness.js`. An update is a list of (client id, clock, state as
JSON text), the state `null` meaning that the client is gone. A client counts its clock up with
every change, so the newest entry wins wherever it came from.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from protobase_live.errors import ProtocolError
from protobase_live.protocol.yjs.json_text import parse_json, repair_json
from protobase_live.protocol.yjs.varint import prefixed, read_bytes, read_varuint, varuint

MAX_ENTRIES = 4096
"""Entries of one awareness update."""

MAX_UPDATE_BYTES = 1024 * 1024
"""Bytes of an awareness update that a client may send."""

MAX_CLOCK = 2**52
"""Highest clock that a client may have; what is counted on from it stays within 2**53 - 1."""

MAX_RELAYED_CLOCK = MAX_CLOCK + 2**51
"""Highest clock in what another node says, which may have counted on."""

MAX_STATE_BYTES = 16 * 1024
"""Bytes of one client's state, as JSON in UTF-8."""

_GONE = b"\x04null"
"""The state of who is gone, its length before it."""


class Entry(NamedTuple):
    """One client's presence at a clock; `state` is JSON text, None when the client is gone."""

    client_id: int
    clock: int
    state: str | None


def decode_entries(payload: bytes) -> list[Entry]:
    """Decode an awareness update that has to be right.

    Raises:
        ProtocolError: the payload is malformed, a state is no JSON, or a limit is exceeded.
    """
    return [Entry(client, clock, _state(client, raw)) for client, clock, raw in _raw_entries(payload)]


def readable_entries(payload: bytes) -> list[Entry]:
    """What can be used of an awareness update from anybody; the rest is left out.

    Left out are states that are too large or no JSON (what JavaScript has and JSON has not is repaired),
    clocks above `MAX_CLOCK`, whatever follows something malformed, and updates above `MAX_UPDATE_BYTES`.
    """
    entries: list[Entry] = []
    if len(payload) > MAX_UPDATE_BYTES:
        return entries
    try:
        for client_id, clock, raw in _raw_entries(payload):
            if clock <= MAX_CLOCK and len(raw) <= MAX_STATE_BYTES:
                _add_readable(entries, client_id, clock, raw.decode(errors="replace"))
    except ProtocolError:
        pass
    return entries


def relayed_entries(payload: bytes) -> list[Entry]:
    """Decode awareness entries of any number from another node, which has checked what its clients said.

    Raises:
        ProtocolError: they are malformed, or a clock leaves nothing to count on from it.
    """
    entries: list[Entry] = []
    for client_id, clock, raw in _split(payload):
        if clock > MAX_RELAYED_CLOCK:
            raise ProtocolError(f"clock {clock} of client {client_id}, the limit is {MAX_RELAYED_CLOCK}")
        entries.append(Entry(client_id, clock, None if raw == b"null" else raw.decode(errors="replace")))
    return entries


def _add_readable(entries: list[Entry], client_id: int, clock: int, text: str) -> None:
    try:
        entries.append(check_entry(Entry(client_id, clock, text)))
    except ProtocolError:
        with suppress(ValueError, ProtocolError):
            entries.append(check_entry(Entry(client_id, clock, repair_json(text))))


def check_entry(entry: Entry) -> Entry:
    """The entry, with a state of None where it says so. Raises ProtocolError if its state cannot be sent."""
    if entry.state is None:
        return entry
    return entry._replace(state=_state(entry.client_id, entry.state.encode()))


def _raw_entries(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    count, _ = read_varuint(payload, 0)
    if count > MAX_ENTRIES:
        raise ProtocolError(f"awareness update of {count} entries, the limit is {MAX_ENTRIES}")
    return _split(payload)


def _split(payload: bytes) -> Iterator[tuple[int, int, bytes]]:
    count, pos = read_varuint(payload, 0)
    for _ in range(count):
        client_id, pos = read_varuint(payload, pos)
        clock, pos = read_varuint(payload, pos)
        raw, pos = read_bytes(payload, pos)
        yield client_id, clock, raw
    if pos != len(payload):
        raise ProtocolError(f"{len(payload) - pos} bytes after the awareness update")


def encode_entries(entries: Iterable[Entry]) -> bytes:
    """Encode entries as an awareness update."""
    parts = [
        varuint(client_id) + varuint(clock) + prefixed((state or "null").encode())
        for client_id, clock, state in entries
    ]
    return varuint(len(parts)) + b"".join(parts)


def gone_last(payload: bytes) -> int | None:
    """The client whose leave is the last entry of an update that `encode_entries` has made; None if it is
    none. Read from the end: what ends before has no high bit, and it may be long.
    """
    if not payload.endswith(_GONE):
        return None
    clock = _varuint_start(payload, len(payload) - len(_GONE))
    client_id, _ = read_varuint(payload, _varuint_start(payload, clock))
    return client_id


def _varuint_start(payload: bytes, end: int) -> int:
    start = end - 1
    while start > 0 and payload[start - 1] >= 0x80:
        start -= 1
    return start


def _state(client_id: int, raw: bytes) -> str | None:
    if len(raw) > MAX_STATE_BYTES:
        raise ProtocolError(
            f"awareness state of client {client_id} has {len(raw)} bytes, the limit is {MAX_STATE_BYTES}"
        )
    try:
        text = raw.decode()
        return None if parse_json(text) is None else text
    except ValueError as error:
        raise ProtocolError(f"awareness state of client {client_id} is not JSON: {error}") from None
