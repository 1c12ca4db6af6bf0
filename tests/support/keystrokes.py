"""Random updates like those that editors send: mostly one struct, and at most one deleted range.

Most follow what their client wrote last; some build on something else that is there, and some on nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import Structs
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Content, Id, Shared

CLIENTS = (1, 2, 300)


def base() -> bytes:
    """What is there when they begin: types of every kind, one of them deleted."""
    shared = (Shared.ARRAY, Shared.MAP, Shared.TEXT, Shared.TEXT)
    structs = [yjs.item(yjs.shared(each), parent="map", key=f"t{each}") for each in shared]
    return yjs.sent(9, 0, *structs, deletes={9: [(3, 1)]})


def keystroke(random: Random, vector: Mapping[int, int]) -> bytes:
    """One update for a document with this state vector."""
    client = random.choice(CLIENTS)
    clock = vector.get(client, 0)
    if random.random() < 0.03:
        clock = max(0, clock + random.choice((-1, 1)))
    structs, known = [], {**vector}
    for _ in range(random.choice((0, 1, 1, 1, 1, 3))):
        content = _content(random)
        known[client] = clock + sum(each.length for each in structs)
        structs.append(yjs.item(content, **_home(random, client, known[client], known, content)))
    deletes = {}
    if random.random() < 0.4:
        other = random.choice((*vector, client))
        end = vector.get(other, 0) + random.choice((0, 0, 1, 3))
        if end:
            start = random.randrange(end)
            deletes = {other: [(start, min(end - start, random.choice((1, 1, 5))))]}
    return yjs.sent(client, clock, *structs, deletes=deletes)


def taken(structs: Structs, update: bytes) -> bool:
    """Whether an update is taken, in part at least."""
    try:
        structs.take(update)
    except MalformedUpdate:
        return False
    return True


def written(seed: int, count: int = 40) -> Structs:
    """A document into which some have written."""
    random, structs = Random(seed), Structs()
    structs.take(base())
    for _ in range(count):
        taken(structs, keystroke(random, structs.vector))
    return structs


def _content(random: Random) -> Content:
    values = (1, 2**40, -0.0, None, True, "v", "é", yjs.BigInt(2**60), yjs.Undefined(), {"b": 1, "a": 2})
    if random.random() < 0.1:
        return yjs.shared(random.choice((Shared.MAP, Shared.XML_ELEMENT)))
    if random.random() < 0.6:
        return yjs.text(random.choice(("x", "x", "x", "yz", "é", "word " * 20, "😀")))
    return yjs.values(random.choice(values))


def _home(random: Random, client: int, clock: int, vector: Mapping[int, int], content: Content) -> dict:
    kind = random.random()
    if kind < 0.05 and clock:  # in what it wrote last, as the first field of a record is
        return {"parent": Id(client, clock - 1), "key": random.choice((None, "f"))}
    if kind < 0.5 and clock:
        return {"left": Id(client, clock - 1)}
    if kind < 0.8 and vector:
        first, other = (_known(random, vector) for _ in range(2))
        key = "k" if content.ref == 8 and random.random() < 0.3 else None  # Yjs marks it, neighbours or not
        return random.choice(({"left": first}, {"left": first, "right": other}, {"right": first})) | {
            "key": key
        }
    parent = random.choice(("text", "map", Id(9, random.randrange(4))))
    key = random.choice(("k", "é", "")) if content.ref == 8 and random.random() < 0.5 else None
    return {"parent": parent, "key": key}


def _known(random: Random, vector: Mapping[int, int]) -> Id:
    client = random.choice(tuple(vector))
    return Id(client, max(0, vector[client] - random.choice((1, 1, 2, 7))))
