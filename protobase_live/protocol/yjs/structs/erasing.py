"""A document made anew of what is visible, so that nothing else of it is left.

What is deleted goes with its clocks and its keys, but for what the visible was written next to: that is an
empty place. Clients get other ids, in the same order, so that Yjs puts everything where it was.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from itertools import count

from protobase_live.protocol.yjs.delete_set import DeleteSet
from protobase_live.protocol.yjs.struct import DELETED, GC, KIND, Id, Struct
from protobase_live.protocol.yjs.structs.merging import collect
from protobase_live.protocol.yjs.structs.writing import Run, encode_update
from protobase_live.protocol.yjs.update_walker import Walker
from protobase_live.protocol.yjs.varint import prefixed, varuint

ID_BYTES = 4
"""Yjs clients have ids of 32 bits."""


def erased(updates: Iterable[bytes], entry: tuple[str, str] | None, secret: bytes, kept_ids: int) -> bytes:
    """One update with what is visible of many, without ``entry``, a key of a root map.

    They have to name all that is deleted, also the values under a key that lost against others there, which
    Yjs deletes without a word. What waits for a predecessor is visible to nobody, and left out. ``secret``
    decides the ids of clients; those below ``kept_ids`` keep theirs, and their clocks, since programs chose
    them for what many documents begin with.

    Raises:
        MalformedUpdate: one of them is no update.
    """
    structs, _ = collect(updates)
    if entry is not None:
        structs.delete_entry(*entry)
    structs.compact()
    return _Rewriting(structs.encode(), secret, kept_ids).update()


class _Rewriting:
    """One compacted update, in which nothing waits, and what becomes of it."""

    def __init__(self, update: bytes, secret: bytes, kept_ids: int) -> None:
        walker = Walker(update)
        walker.walk()
        self._data = update
        self._clients = walker.clients
        self._needed = self._find_needed()
        self._ids = _ids(walker.clients, secret, kept_ids)
        self._starts = {
            client: self._clocks(client, squeezed=client != self._ids[client]) for client in self._clients
        }
        self._deletes = DeleteSet()

    def update(self) -> bytes:
        """All of it."""
        runs = [run for client in self._clients if (run := self._run(client))[2]]
        return encode_update(runs, self._deletes.encode())

    def _find_needed(self) -> set[Id]:
        """The structs that are visible, and those that they were written next to or stand in."""
        waiting = [
            (client, struct)
            for client, structs in self._clients.items()
            for struct in structs
            if struct.info & KIND not in (GC, DELETED)
        ]
        needed = {(client, struct.clock) for client, struct in waiting}
        while waiting:
            _, struct = waiting.pop()
            for id in (struct.origin, struct.right, struct.parent):
                if isinstance(id, tuple):
                    found = id[0], self._look_up(id)
                    place = found[0], found[1].clock
                    if place not in needed:
                        needed.add(place)
                        waiting.append(found)
        return needed

    def _look_up(self, id: Id) -> Struct:
        structs = self._clients[id[0]]
        return structs[bisect_right(structs, id[1], key=_clock) - 1]

    def _clocks(self, client: int, *, squeezed: bool) -> dict[int, int]:
        """The new clock of each struct, by its former one. What is squeezed has no place for what is gone."""
        clocks, clock = dict[int, int](), 0
        for struct in self._clients[client]:
            clocks[struct.clock] = clock
            if not squeezed or (client, struct.clock) in self._needed:
                clock += struct.length
        return clocks

    def _run(self, client: int) -> Run:
        parts, found = list[bytes](), 0
        for struct in self._clients[client]:
            clock, is_needed = self._starts[client][struct.clock], (client, struct.clock) in self._needed
            if not is_needed and client != self._ids[client]:
                continue
            if struct.info & KIND in (GC, DELETED):
                self._deletes.add(self._ids[client], clock, clock + struct.length)
            parts.append(self._renamed(struct) if is_needed else b"\0" + varuint(struct.length))
            found += 1
        return self._ids[client], 0, found, b"".join(parts)

    def _renamed(self, struct: Struct) -> bytes:
        parts = [bytes([struct.info])]
        parts += [self._id(id) for id in (struct.origin, struct.right) if id is not None]
        if isinstance(struct.parent, tuple):
            parts += [b"\0", self._id(struct.parent)]
        elif struct.parent is not None:
            parts += [b"\x01", prefixed(struct.parent.encode())]
        if struct.sub is not None:
            parts.append(prefixed(struct.sub.encode()))
        return b"".join([*parts, self._data[struct.content : struct.end]])

    def _id(self, id: Id) -> bytes:
        found = self._look_up(id)
        clock = self._starts[id[0]][found.clock] + id[1] - found.clock
        return varuint(self._ids[id[0]]) + varuint(clock)


def _clock(struct: Struct) -> int:
    return struct.clock


def _ids(clients: Collection[int], secret: bytes, kept: int) -> Mapping[int, int]:
    """Other ids for clients, in the same order, which none of them has; those below ``kept`` keep theirs."""
    former = sorted(client for client in clients if client >= kept)
    new = set[int]()
    for number in count():
        if len(new) == len(former):
            break
        digest = blake2b(number.to_bytes(8), key=secret, digest_size=ID_BYTES).digest()
        if (id := int.from_bytes(digest)) >= kept and id not in clients:
            new.add(id)
    return {client: client for client in clients if client < kept} | dict(
        zip(former, sorted(new), strict=True)
    )
