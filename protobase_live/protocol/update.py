"""Structural check of Yjs updates (encoding v1) before they may touch a document.

The native library behind pycrdt trusts its input: some malformed updates abort the process. What
passes here is well-formed and as a stock Yjs 13 client writes it, with these exceptions, which
the native library reads differently and would misparse: legacy JSON content and XML hooks.
Content and type numbers that only the native library knows are refused too.

What takes the document to decide is not decided here, and its owner has to:

- `UpdateInfo.missing` must be empty before the update is applied, and the update must not carry
  clocks of the document's own client id;
- an update that gives a child to what is no container raises RuntimeError when it is applied, and
  the structs before the bad one stay applied;
- text outside the basic plane (emoji) placed into an array hangs whoever reads that array;
- shared types nested some 10,000 deep, over many updates, overflow the stack in `str()`;
- a deletion or insertion between the halves of a surrogate pair loses clocks in what the document
  encodes from then on: what it encodes should pass this check before it replaces anything.

Format: Yjs `UpdateDecoderV1`, `readClientsStructRefs`, `readDeleteSet` and the `read*` functions
of the content classes; the binary JSON values are lib0's `readAny`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from protobase_live.errors import ProtocolError
from protobase_live.protocol.update_walker import (
    MAX_CLOCK,
    MAX_NESTING,
    MAX_STRUCTS,
    SKIP,
    STRING,
    Struct,
    Walker,
    client_of,
    clock_of,
)

__all__ = ["MAX_CLOCK", "MAX_NESTING", "MAX_STRUCTS", "ClientRange", "UpdateInfo", "check_update"]


class ClientRange(NamedTuple):
    """Clocks of one client that an update carries: `first_clock` up to, not with, `end_clock`."""

    client_id: int
    first_clock: int
    end_clock: int


class UpdateInfo(NamedTuple):
    """What an update carries and what it builds on.

    `ranges` has the runs of structs it carries, in the order of the update. `requires` is the
    least state vector (client: next clock) of a document that can take in the whole update at
    once. A document with less must not be given the update: the native library keeps what it
    cannot place out of sight, and corrupts its memory when a hole it left is filled by structs
    other than those it had seen beyond it.
    """

    ranges: tuple[ClientRange, ...]
    requires: dict[int, int]

    def missing(self, state: Mapping[int, int]) -> dict[int, int]:
        """Return what a document with this state vector has yet to reach; empty when it fits."""
        return {client: clock for client, clock in self.requires.items() if state.get(client, 0) < clock}


def check_update(update: bytes, *, max_structs: int = MAX_STRUCTS) -> UpdateInfo:
    """Check an update's structure and tell what it carries.

    Args:
        update: one Yjs update, encoding v1.
        max_structs: structs and delete ranges it may have.

    Raises:
        MalformedUpdate: the update must not be applied; the message has the reason and the byte.
    """
    return _check_typing(update) or _check_keystroke(update) or _check_any(update, max_structs)


def _check_any(update: bytes, max_structs: int) -> UpdateInfo:
    walker = Walker(update, max_structs)
    walker.walk()
    runs: list[ClientRange] = []
    needs: dict[int, int] = {}
    for client, structs in walker.clients.items():
        runs += _runs(client, structs)
        for struct in structs:
            for other in (struct.origin, struct.right, struct.parent):
                if isinstance(other, tuple):
                    needs[other[0]] = max(needs.get(other[0], 0), other[1] + 1)
    for deleted in walker.deletes:
        needs[deleted.client] = max(needs.get(deleted.client, 0), deleted.end)
    last = {run.client_id: run for run in runs}
    requires = {client: run.first_clock for client, run in last.items() if run.first_clock}
    for client, clock in needs.items():
        if client not in last or clock > last[client].end_clock:
            requires[client] = clock
    return UpdateInfo(tuple(runs), requires)


def _runs(client: int, structs: Sequence[Struct]) -> Iterator[ClientRange]:
    """The structs of one client, as runs between gaps."""
    start = structs[0].clock
    for struct in structs:
        if struct.info == SKIP:
            if start < struct.clock:
                yield ClientRange(client, start, struct.clock)
            start = struct.clock + struct.length
    last = structs[-1]
    yield ClientRange(client, start, last.clock + last.length)


# What an editor sends at a keystroke is one struct of one client (a text or one plain value), one
# deleted range, or both. Regular expressions recognise these shapes several times faster than the
# walker reads them. Whatever they do not match, be it right or wrong, goes to the walker.

_CLIENT = rb"([\x80-\xff]{0,7}[\x00-\x7f])"
_CLOCK = rb"([\x80-\xff]{0,3}[\x00-\x7f])"
_ID = _CLIENT + _CLOCK
_HEAD = re.compile(
    rb"\x01\x01" + _ID + rb"(?:"
    rb"(?:[\xc4\xc8\xe8]"
    + _ID
    + rb"|[\x84\x88\xa8\x44\x48\x68]|[\x04\x08\x28]\x00)"
    + _ID  # neighbours or parent
    + rb"|[\x04\x08\x28]\x01)"  # parent is a root, its name follows
)
_VALUE = re.compile(rb"[\x78\x79\x7e\x7f]|\x7d[\x80-\xff]{0,7}[\x00-\x7f]|\x7c.{4}|[\x7a\x7b].{8}", re.DOTALL)
_DELETE = re.compile(rb"\x01" + _CLIENT + rb"\x01" + _CLOCK + _CLOCK)


_TYPING = re.compile(rb"\x01\x01" + _ID + rb"\x84" + _ID + rb"([\x01-\x7f])([\x00-\x7f]+)\x00", re.DOTALL)


def _check_typing(update: bytes) -> UpdateInfo | None:
    """Check the very commonest: ASCII text behind the client's own last; None for anything else."""
    found = _TYPING.fullmatch(update)
    if found is None:
        return None
    client_raw, clock_raw, left_client, left_clock, size, text = found.groups()
    clock = clock_of(clock_raw)
    if left_client != client_raw or len(text) != size[0] or clock_of(left_clock) >= clock:
        return None
    client = client_of(client_raw)
    return UpdateInfo((ClientRange(client, clock, clock + size[0]),), {client: clock})


def _check_keystroke(update: bytes) -> UpdateInfo | None:
    """Check an update of one of the common shapes; None for all others."""
    try:
        head = _HEAD.match(update)
        if head is None:
            return _check_deletion(update)
        client_raw, clock_raw, left_client, left_clock, client_id, id_clock = head.groups()
        client, clock = client_of(client_raw), clock_of(clock_raw)
        requires = {client: clock} if clock else {}
        pos, info = head.end(), update[head.end(2)]
        if client_id is None:
            pos = _skip_string(update, pos)
        elif not _require(requires, client, clock, client_id, id_clock):
            return None
        if left_client is not None and not _require(requires, client, clock, left_client, left_clock):
            return None
        if info == 0x28:
            pos = _skip_string(update, pos)
        if info & 0x0F == 4:
            length, pos = _text(update, pos)
        else:
            length, pos = _value(update, pos)
        end = clock + length
        if not length or not _deletes(update, pos, requires, client, end):
            return None
        return UpdateInfo((ClientRange(client, clock, end),), requires)
    except (IndexError, UnicodeDecodeError, ProtocolError):
        return None


def _check_deletion(update: bytes) -> UpdateInfo | None:
    requires: dict[int, int] = {}
    if update[0] or not _deletes(update, 1, requires, -1, 0):
        return None
    return UpdateInfo((), requires)


def _require(requires: dict[int, int], client: int, clock: int, raw_client: bytes, raw_clock: bytes) -> bool:
    """Note an id the struct builds on; False if that is not older than the struct itself."""
    other, needed = client_of(raw_client), clock_of(raw_clock) + 1
    if other == client:
        return needed <= clock
    if requires.get(other, 0) < needed:
        requires[other] = needed
    return True


def _skip_string(update: bytes, pos: int) -> int:
    length = update[pos]
    if length >= 0x80:
        raise IndexError
    end = pos + 1 + length
    update[pos + 1 : end].decode()
    return end


def _text(update: bytes, pos: int) -> tuple[int, int]:
    size = update[pos]
    end = pos + 1 + size
    text = update[pos + 1 : end]
    if size >= 0x80:
        raise IndexError
    if text.isascii():
        return size, end
    return len(text.decode().encode("utf-16-le")) // 2, end


def _value(update: bytes, pos: int) -> tuple[int, int]:
    if update[pos] != 1:
        raise IndexError
    if update[pos + 1] == STRING:
        return 1, _skip_string(update, pos + 2)
    value = _VALUE.match(update, pos + 1)
    if value is None:
        raise IndexError
    return 1, value.end()


def _deletes(update: bytes, pos: int, requires: dict[int, int], client: int, end: int) -> bool:
    """Read a delete set of none or one range at the end of the update."""
    tail = update[pos:]
    if tail == b"\x00":
        return True
    deleted = _DELETE.fullmatch(tail)
    if deleted is None:
        return False
    other, first, length = client_of(deleted[1]), clock_of(deleted[2]), clock_of(deleted[3])
    needed = first + length
    if other == client:
        if needed > end:
            requires[client] = needed
    elif requires.get(other, 0) < needed:
        requires[other] = needed
    return length > 0
