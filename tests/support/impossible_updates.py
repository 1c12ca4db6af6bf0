"""Updates that are well-formed and mean something impossible, valid ones of the same clients between them.

An attacker remembers what it has sent, as if all of it had been taken, and builds on that: so that its
nonsense hits things that are there. One seed, one campaign.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Block, Content, Deletes, Id, Shared, Struct

ROOTS = ("list", "text", "map", "xml")
RESERVED = ("records", "structures", "indexes", "protobase:structures", "protobase:indexes")
KEYS = ("a", "b", "é", "")
MAX_CLOCK = 2**31 - 1
MAX_INTEGER = 2**53 - 1
BULK = 20_000
"""Adjacent blocks of the largest updates."""

MEMORY = 400
"""How many of its latest items an attacker builds on."""


@dataclass(frozen=True, slots=True)
class Made:
    """An item that was sent: where it is, how long, and what it was said to be."""

    id: Id
    length: int
    ref: int
    parent: str | Id
    key: str | None

    @property
    def last(self) -> Id:
        return Id(self.id.client, self.id.clock + self.length - 1)


class Attacker:
    """Makes updates under ``clients``; ``others`` are ids of clients that it may speak for now and then.

    ``bulk``: how many of the largest updates it makes at most. ``disorder``: whether it puts things between
    neighbours of one sequence that cannot have been neighbours, such as a right one that stands before the
    left: then even Yjs shows them in other places when it takes the same updates in another order. To notice
    that takes integrating.
    """

    def __init__(
        self, random: Random, clients: Sequence[int], *, bulk: int = 0, disorder: bool = False
    ) -> None:
        self._random = random
        self._clients = list(clients)
        self.others: list[int] = []
        self._bulk = bulk
        self._disorder = disorder
        self._clocks: dict[int, int] = {}
        self._made: list[Made] = []
        self._sent: list[tuple[list[Block], Deletes]] = []

    def next(self) -> bytes:
        """The next update, of some hundred bytes on the average."""
        blocks, deletes = self._random.choice(MOVES)(self)
        self._sent.append((blocks, deletes))
        del self._sent[:-MEMORY], self._made[:-MEMORY]
        return yjs.update(blocks, deletes)

    def know(self, vector: Mapping[int, int], innocent: Collection[int]) -> None:
        """What a server says that it has: what it did not take is forgotten. Ids of the innocent are not
        used: whoever speaks under another's id takes its clocks, and no server can tell the two apart."""
        self._clocks = dict(vector)
        self._made = [made for made in self._made if made.last.clock < vector.get(made.id.client, 0)]
        self.others = [client for client in vector if client not in innocent]

    # what it is made of

    def _client(self) -> int:
        if self.others and self._random.random() < 0.05:
            return self._random.choice(self.others)
        return self._random.choice(self._clients)

    def _clock(self, client: int) -> int:
        return self._clocks.get(client, 0)

    def _any(self) -> Made | None:
        return self._random.choice(self._made) if self._made else None

    def _of(self, wanted: Callable[[Made], bool]) -> Made | None:
        found = [made for made in self._made if wanted(made)]
        return self._random.choice(found) if found else None

    def _inside(self, made: Made) -> Id:
        """A clock of it, the last one mostly."""
        if self._random.random() < 0.6:
            return made.last
        return Id(made.id.client, made.id.clock + self._random.randrange(made.length))

    def _content(self) -> Content:
        return self._random.choice(CONTENTS)(self._random)

    def _parent(self) -> str | Id:
        """A place where an item may be: a root, or a type that was sent."""
        made = self._of(lambda made: made.ref == 7) if self._random.random() < 0.5 else None
        return made.id if made else self._random.choice(ROOTS)

    def _put(
        self,
        content: Content,
        parent: str | Id,
        *,
        key: str | None = None,
        left: Id | None = None,
        right: Id | None = None,
        client: int | None = None,
    ) -> list[Block]:
        """One item behind all that its client has sent."""
        client = self._client() if client is None else client
        struct = yjs.item(content, left=left, right=right, parent=parent, key=key)
        return [Block(client, self._place(client, struct, parent, key, content.ref), [struct])]

    def _place(self, client: int, struct: Struct, parent: str | Id, key: str | None, ref: int) -> int:
        clock = self._clock(client)
        if client in self._clients and clock + struct.length <= MAX_CLOCK:
            self._clocks[client] = clock + struct.length
            self._made.append(Made(Id(client, clock), struct.length, ref, parent, key))
        return clock

    # moves: each makes the blocks and deletions of one update

    def valid(self) -> tuple[list[Block], Deletes]:
        """What an honest client might do."""
        parent = self._parent()
        key = self._random.choice(KEYS) if parent == "map" or self._random.random() < 0.3 else None
        before = self._of(lambda made: made.parent == parent and made.key == key)
        left = before.last if before else None
        content = self._content()
        if key is not None and content.length > 1:
            content = yjs.values(self._random.random())
        return self._put(content, parent, key=key, left=left), {}

    def delete(self) -> tuple[list[Block], Deletes]:
        """Something that is there goes: a part of it, all of it, or that and what is behind it."""
        made = self._any()
        if made is None:
            return self.valid()
        first = self._inside(made)
        return [], {first.client: [(first.clock, self._random.choice((1, made.length, made.length + 3)))]}

    def orphan(self) -> tuple[list[Block], Deletes]:
        """A child of what is no type, or is deleted in the same breath or before."""
        made = self._of(lambda made: made.ref != 7) or self._any()
        if made is None:
            return self.valid()
        deletes = {made.id.client: [(made.id.clock, made.length)]} if self._random.random() < 0.3 else {}
        key = self._random.choice((None, *KEYS))
        return self._put(self._content(), self._inside(made), key=key), deletes

    def odd_neighbours(self) -> tuple[list[Block], Deletes]:
        """Left and right of other parents or of other keys, or the same under one key."""
        left, right = self._any(), self._any()
        if left is None or right is None:
            return self.valid()
        alike = (left.parent, left.key) == (right.parent, right.key)
        beside = {"left": self._inside(left), "right": self._inside(right)}
        same = self._random.random() < 0.2
        if same:
            beside["right"] = beside["left"]
        if not self._disorder and (left.key is None if same else alike):
            del beside["right"]
        return self._put(self._content(), left.parent, key=left.key, **beside), {}

    def key_of_many(self) -> tuple[list[Block], Deletes]:
        """A value under a key that has several clocks, and an item that splits it."""
        client, parent, key = self._client(), self._parent(), self._random.choice(KEYS)
        content = self._random.choice((yjs.values(1, "x" * 50), yjs.text("éx🦊"), yjs.deleted(3)))
        before = self._of(lambda made: made.parent == parent and made.key == key)
        left = before.last if before and self._random.random() < 0.7 else None
        blocks = self._put(content, parent, key=key, left=left, client=client)
        splitter = yjs.item(self._content(), left=Id(client, blocks[0].clock), parent=parent, key=key)
        self._place(client, splitter, parent, key, splitter.body[0] & 0x1F)
        return [Block(client, blocks[0].clock, [*blocks[0].structs, splitter])], {}

    def reused_clock(self) -> tuple[list[Block], Deletes]:
        """A clock that is known already, with something else at it, some of it new perhaps."""
        made = self._any()
        if made is None:
            return self.valid()
        structs = [
            yjs.item(self._content(), parent=self._parent()) for _ in range(self._random.randint(1, 3))
        ]
        return [Block(made.id.client, self._inside(made).clock, structs)], {}

    def other_kind(self) -> tuple[list[Block], Deletes]:
        """A root used as what it is not: keys in texts and arrays, sequences in maps, formats under keys."""
        key = self._random.choice((None, *KEYS))
        content = self._content() if self._random.random() < 0.6 else yjs.mark("bold", "true")
        return self._put(content, self._random.choice(ROOTS), key=key), {}

    def reserved(self) -> tuple[list[Block], Deletes]:
        """Nonsense in a root that the server uses itself."""
        key = self._random.choice((None, "t", "records", "structures", "text", "\x00", "x" * 600, ""))
        content = self._random.choice(
            (
                self._content(),
                yjs.values("text"),
                yjs.values([1]),
                yjs.values("records"),
                yjs.values({"a": 1}),
            )
        )
        return self._put(content, self._random.choice(RESERVED), key=key), {}

    def text_in_array(self) -> tuple[list[Block], Deletes]:
        """Text that is not ASCII where values belong, and more items behind it."""
        client, parent = self._client(), self._parent()
        structs, left = list[Struct](), None
        clock = self._clock(client)
        for content in (yjs.text(self._random.choice(("éé", "日", "🦊"))), yjs.text("x"), yjs.values(1)):
            struct = yjs.item(content, left=left, parent=parent)
            structs.append(struct)
            left = Id(client, self._place(client, struct, parent, None, content.ref) + struct.length - 1)
        return [Block(client, clock, structs)], {}

    def collected(self) -> tuple[list[Block], Deletes]:
        """Clocks that are garbage from the beginning, and something that builds on them."""
        client, size = self._client(), self._random.randint(1, 4)
        clock = self._place(client, yjs.gc(size), self._parent(), None, self._random.choice((0, 7)))
        child = yjs.item(self._content(), left=Id(client, clock + self._random.randrange(size)))
        self._place(client, child, "list", None, 0)
        return [Block(client, clock, [yjs.gc(size), child])], {}

    def ahead(self) -> tuple[list[Block], Deletes]:
        """Something beyond a hole, of its own client's clocks or of another's."""
        client, other, far = self._client(), self._client(), self._random.choice((1, 7, 1000))
        if self._random.random() < 0.5:
            struct = yjs.item(self._content(), parent=self._parent())
            return [Block(client, self._clock(client) + far, [struct])], {}
        left = Id(other, self._clock(other) + far + (other == client))
        return [Block(client, self._clock(client), [yjs.item(self._content(), left=left)])], {}

    def holes(self) -> tuple[list[Block], Deletes]:
        """A hole that is said to be one, in the middle."""
        client = self._client()
        clock = self._clock(client)
        there, beyond = (yjs.item(self._content(), parent=self._parent()) for _ in range(2))
        self._place(client, there, "list", None, 0)
        return [Block(client, clock, [there, yjs.skip(self._random.randint(1, 5)), beyond])], {}

    def delete_ahead(self) -> tuple[list[Block], Deletes]:
        """Deletions of what nobody has inserted."""
        client = self._random.choice(self._clients)
        first = self._clock(client) + self._random.choice((0, 1, 1000))
        if self._random.random() < 0.2:
            first = MAX_CLOCK - 10
        return [], {client: [(first, self._random.choice((1, 5)))]}

    def huge(self) -> tuple[list[Block], Deletes]:
        """Clocks and clients at the end of what can be said."""
        client = self._random.choice((self._client(), 0, MAX_INTEGER, 2**32))
        if client in self._clients and self._random.random() < 0.5:
            clock = self._random.choice((MAX_CLOCK - 1, MAX_CLOCK, 2**32, MAX_INTEGER))
            return [Block(client, clock, [yjs.item(self._content(), parent="list")])], {}
        length = self._random.choice((MAX_CLOCK, MAX_CLOCK + 1, 2**40))
        return [Block(client, 0, [self._random.choice((yjs.gc, yjs.skip))(length)])], {}

    def crosswise(self) -> tuple[list[Block], Deletes]:
        """Two clients in one update, each of which builds on the other; now and then in a circle."""
        one, other = self._client(), self._client()
        if one == other:
            return self.valid()
        at, there = self._clock(one), self._clock(other)
        circle = self._random.random() < 0.2
        first = yjs.item(yjs.values(1), left=Id(other, there) if circle else None, parent="list")
        second = yjs.item(yjs.values(2, 3), left=Id(one, at))
        third = yjs.item(self._content(), left=Id(other, there))
        if not circle:
            for client, struct in ((one, first), (other, second), (one, third)):
                self._place(client, struct, "list", None, 8)
        return [Block(one, at, [first, third]), Block(other, there, [second])], {}

    def bulk(self) -> tuple[list[Block], Deletes]:
        """Very many adjacent blocks of one value each."""
        size = 200
        if self._bulk and self._random.random() < 0.2:
            self._bulk -= 1
            size = BULK
        client = self._client()
        content, clock = self._random.choice(CONTENTS)(self._random), self._clock(client)
        first = yjs.item(content, parent="list")
        structs, end = [first], clock + first.length
        for _ in range(size - 1):
            structs.append(yjs.item(content, left=Id(client, end - 1)))
            end += first.length
        self._clocks[client] = end
        return [Block(client, clock, structs)], {}

    def again(self) -> tuple[list[Block], Deletes]:
        """Something that was sent before: all of it, its beginning, or its end."""
        if not self._sent:
            return self.valid()
        blocks, deletes = self._random.choice(self._sent)
        if blocks and self._random.random() < 0.5:
            client, clock, structs = self._random.choice(blocks)
            cut = self._random.randrange(len(structs))
            if self._random.random() < 0.5 or not cut:
                return [Block(client, clock, structs[: cut + 1])], deletes
            return [Block(client, clock + sum(each.length for each in structs[:cut]), structs[cut:])], {}
        return blocks, deletes

    def merged(self) -> tuple[list[Block], Deletes]:
        """Several that were sent before as one; of each client what was sent last."""
        chosen = self._random.choices(self._sent, k=3) if self._sent else []
        blocks: dict[int, Block] = {}
        deletes: dict[int, Sequence[tuple[int, int]]] = {}
        for sent, gone in chosen:
            blocks.update((block.client, block) for block in sent)
            deletes.update(gone)
        return list(blocks.values()), deletes


MOVES: tuple[Callable[[Attacker], tuple[list[Block], Deletes]], ...] = (
    *[Attacker.valid] * 6,
    *[Attacker.delete] * 3,
    *[Attacker.orphan] * 2,
    *[Attacker.odd_neighbours] * 3,
    *[Attacker.key_of_many] * 2,
    *[Attacker.reused_clock] * 2,
    Attacker.other_kind,
    Attacker.reserved,
    Attacker.text_in_array,
    Attacker.collected,
    Attacker.ahead,
    Attacker.holes,
    Attacker.delete_ahead,
    Attacker.huge,
    *[Attacker.crosswise] * 2,
    Attacker.bulk,
    *[Attacker.again] * 2,
    Attacker.merged,
)
"""What an attacker does, the commoner the more often it stands here."""

CONTENTS: tuple[Callable[[Random], Content], ...] = (
    lambda random: yjs.values(random.random()),
    lambda random: yjs.values(*range(random.choice((2, 5)))),
    lambda random: yjs.values({"b": [None, {"é": b"x"}]}, yjs.BigInt(2**60), yjs.Undefined()),
    lambda random: yjs.text(random.choice(("a", "bcd", "é", "日本", "x🦊y"))),
    lambda random: yjs.text("typing "),
    lambda random: yjs.shared(random.choice((Shared.ARRAY, Shared.MAP, Shared.TEXT, Shared.MAP))),
    lambda random: yjs.shared(random.choice((Shared.XML_ELEMENT, Shared.XML_FRAGMENT, Shared.XML_TEXT))),
    lambda random: yjs.shared(random.choice((Shared.XML_HOOK, 7, 9, 15))),
    lambda random: yjs.deleted(random.choice((1, 1, 4))),
    lambda random: yjs.binary(b"\x00\xff"),
    lambda random: yjs.embed('{"image":"é"}'),
    lambda random: yjs.mark(random.choice(("bold", "é")), random.choice(("true", "null", '{"a":1}'))),
    lambda random: yjs.document(f"guid-{random.randrange(9)}", {"autoLoad": random.random() < 0.5}),
)
"""What an item may hold."""
