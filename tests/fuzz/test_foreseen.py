"""What is let in before it is taken is what would be let in by what it comes to.

Each update goes into two documents with the same rules: one foresees, the other applies and judges each
update for itself. So pycrdt is told the same in fewer or more steps. Where something was set between
neighbours that cannot have been any, it depends on these steps, with plain pycrdt as with Yjs, in which order
things stand, at times turns later. That alone may differ: where pycrdt by itself, told the same structs in
the steps of either document, shows what that document shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, NamedTuple

from hypothesis import event, example, given
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, merge_updates

import protobase_live as pb
from protobase_live.document import BrokenDocument, Document, Judge, Rules, Scope
from protobase_live.document.content import Content
from protobase_live.document.gates import Gates
from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import Gate
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.query_cases import cases
from tests.support.taking import take_at_once
from tests.support.turns import Peer
from tests.support.yjs_encoding import Id, Shared


class Task(pb.Atom):
    title: str
    done: bool = False
    weight: float = 0.0
    note: pb.Text = ""
    any: Any = None


JUDGES = (
    None,
    Judge(read_only=True),
    Judge(scopes=(Scope(fields=frozenset({"title", "note", "k"})),)),
    Judge(scopes=(Scope(structures=frozenset({"body"}), fields=frozenset({"done"})),)),
    Judge(scopes=(Scope(fields=frozenset({"done"})), Scope(new=lambda row: row.get("done") is True))),
    Judge(scopes=(Scope(old=lambda row: row["title"] != "a"),)),
    Judge(scopes=(Scope(records=False), Scope(structures=frozenset({"items"}), records=False))),
)


SERVER = 5_000
"""The client id of both documents."""


class Shut:
    """Lets nobody through who is bound by rules."""

    def __init__(self, gates: Gates) -> None:
        self.gates = gates

    def of(self, sender: Peer) -> Gate | None:
        gate = self.gates.of(sender)
        return gate and Gate(gate._foresight, lambda *aim: False)


class Seen(NamedTuple):
    """What is seen of a document."""

    records: dict[str, Any]
    hash_state: str


class Turn(NamedTuple):
    """What a turn of a document comes to."""

    told: Any
    seen: Seen


def turn_of(document: Document, updates: Sequence[tuple[bytes, Peer]]) -> Turn:
    said = [answer(document, update, peer) for update, peer in updates]
    document.apply_taken()
    outcome = document.finish()
    # Which of several reasons is told is up to the order in which pycrdt tells of several records.
    refusals = frozenset[Any]() if outcome is None else outcome.refusals.keys()
    told = said, refusals, dict(document.vector)
    seen = Seen(dict(document.records), at_once(document.hash_in_steps()))
    return Turn(told, seen)


class Told(Content):
    """Remembers in which steps it was told what."""

    def __init__(self, replica: str, client_id: int | None = None) -> None:
        super().__init__(replica, client_id)
        self.steps: list[bytes] = []

    def another(self) -> Told:
        return Told(self._replica, self.client_id)

    def apply(self, update: bytes) -> None:
        self.steps.append(update)
        super().apply(update)


def seen_by_pycrdt(document: Document) -> Seen:
    """What pycrdt shows of all that is stored, told in the document's steps and, last, what they left out."""
    content = Content("node")
    for update in (*document._content.steps, document.encode()):
        content._doc.apply_update(update)  # if it panics, that is no BrokenDocument
    at_once(content.read_changed())
    return Seen(dict(content.rows), at_once(content.hash_state()))


class Pair:
    """Two documents, the second of which foresees nothing."""

    def __init__(self, schema: type[pb.Atom] | None, before: bytes) -> None:
        self.documents = [Document("node", client_id=SERVER, rules=Rules(schema)) for _ in range(2)]
        self.documents[1]._gates = Shut(self.documents[1]._gates)
        for document in self.documents:
            document._content = Told("node", SERVER)
            at_once(document.load([before]))
        self.is_alike = True
        """Whether both show the same."""

    def take(self, updates: Sequence[tuple[bytes, Peer]]) -> None:
        """A turn of both."""
        one, other = (turn_of(document, updates) for document in self.documents)
        assert one.told == other.told
        self.is_alike = one.seen == other.seen
        if not self.is_alike:
            assert self.documents[0].encode() == self.documents[1].encode()
            assert [one.seen, other.seen] == [seen_by_pycrdt(each) for each in self.documents]

    @property
    def is_comparable(self) -> bool:
        """Whether both show the same, also of what the server has written to put something back.

        The order of that is up to pycrdt, and what builds on it would build on something else.
        """
        logs = [document._structs._store.logs.by_client.get(SERVER) for document in self.documents]
        own = [b"" if log is None else bytes(log.data) for log in logs]
        return self.is_alike and own[0] == own[1]


def answer(document: Document, update: bytes, peer: Peer) -> Any:
    """Whether all of it fits, or why it is refused as a whole."""
    try:
        return take_at_once(document, update, peer)
    except MalformedUpdate as error:
        return str(error)


class Client:
    def __init__(self, number: int, before: bytes) -> None:
        self.doc: Doc[Any] = Doc(client_id=100 + number)
        self.doc.apply_update(before)
        self.records = self.doc.get("records", type=Map)
        self.body, self.items = self.doc.get("body", type=Text), self.doc.get("items", type=Array)
        self.peer = Peer(f"author{number % 2}", judge=JUDGES[number])

    def edit(self, actions: Sequence[int], value: Any) -> list[bytes]:
        written: list[bytes] = []
        watch = self.doc.observe(lambda event: written.append(event.update))
        with self.doc.transaction():
            for action in actions:
                ACTIONS[action % len(ACTIONS)](self, f"t{action % 2}", value)
        self.doc.unobserve(watch)
        return written


def set_field(name: str):
    def act(client: Client, key: str, value: Any) -> None:
        if isinstance(record := client.records.get(key), Map):
            record[name] = value

    return act


def type_note(client: Client, key: str, value: Any) -> None:
    record = client.records.get(key)
    note = record.get("note") if isinstance(record, Map) else None
    if isinstance(note, Text):
        note.insert(len(note), "ab")
        if len(note) > 6:
            del note[1:3]


def type_body(client: Client, key: str, value: Any) -> None:
    client.body.insert(len(client.body) // 2, "xy")


def delete_body(client: Client, key: str, value: Any) -> None:
    if len(client.body) > 2:
        del client.body[0:2]


def drop(name: str):
    def act(client: Client, key: str, value: Any) -> None:
        if isinstance(record := client.records.get(key), Map):
            record.pop(name, None)

    return act


ACTIONS = (
    set_field("title"), set_field("done"), set_field("weight"), set_field("any"), set_field("more"),
    type_note, type_note, type_body, delete_body, set_field("title"), set_field("note"), drop("title"),
    drop("any"),
    lambda client, key, value: client.items.append(value),
    lambda client, key, value: client.records.update({key: Map({"title": "new", "note": Text("n")})}),
    lambda client, key, value: client.records.pop(key, None),
    lambda client, key, value: client.records.update({key: value}),
)  # fmt: skip

VALUES = st.sampled_from(("a", "é", "longer text", True, False, None, 1, -70, 2.5, 2**33, [1], {"b": 1}, "a"))


class Step(NamedTuple):
    client: int
    actions: Sequence[int]
    value: Any
    hears: bool
    ends: bool


steps = st.lists(
    st.builds(
        Step,
        st.integers(0, len(JUDGES) - 1),
        st.lists(st.integers(0, 2 * len(ACTIONS) - 1), min_size=1, max_size=2),
        VALUES,
        st.booleans(),
        st.booleans(),
    ),
    min_size=3,
    max_size=30,
)


def begun() -> bytes:
    doc: Doc[Any] = Doc(client_id=1)
    records = doc.get("records", type=Map)
    with doc.transaction():
        for key in ("t0", "t1"):
            records[key] = Map({"title": key, "done": False, "note": Text("note"), "any": 1})
        doc.get("body", type=Text).insert(0, "a body")
    return doc.get_update()


@cases(100)
@given(steps, st.booleans())
def test_edits_are_let_in_as_if_they_were_judged(plan: list[Step], has_schema: bool) -> None:
    before = begun()
    pair = Pair(Task if has_schema else None, before)
    clients = [Client(number, before) for number in range(len(JUDGES))]
    waiting: list[tuple[bytes, Peer]] = []
    for step in [*plan, Step(0, (7,), "end", True, True)]:
        client = clients[step.client]
        waiting += [(update, client.peer) for update in client.edit(step.actions, step.value)]
        if step.ends:
            pair.take(waiting)
            assert pair.is_alike  # editors set everything between neighbours
            waiting = []
            if not pair.is_comparable:
                return
        if step.hears:
            client.doc.apply_update(pair.documents[0].encode())


def base() -> bytes:
    """Records and roots with types of every kind, for updates that no editor makes."""
    record = [
        yjs.item(yjs.shared(Shared.MAP), parent="records", key="t"),
        *(yjs.item(yjs.shared(Shared.TEXT), parent=Id(9, 0), key=key) for key in ("note", "title")),
        *(yjs.item(yjs.values(value), parent=Id(9, 0), key=key) for key, value in FIELDS.items()),
        yjs.item(yjs.shared(Shared.XML_ELEMENT, "a\x01"), parent="records", key="s"),
        yjs.item(yjs.shared(Shared.MAP), parent="map", key="m"),
        yjs.item(yjs.values(1), parent=Id(9, 7), key="k"),
    ]
    return yjs.sent(9, 0, *record)


FIELDS = {"k": "a", "done": False, "é": 1}


@cases(150)
@given(st.integers(0, 2**32), st.sampled_from(JUDGES), st.booleans())
@example(3990, JUDGES[2], False)  # of which pycrdt shows the same in several ways
@example(15812, JUDGES[2], False)  # for a reason that is turns ago
def test_whatever_is_sent_is_let_in_as_if_it_was_judged(seed: int, judge: Judge | None, schema: bool) -> None:
    random, pair, peer = Random(seed), Pair(Task if schema else None, base()), Peer("ann", judge=judge)
    for _ in range(25):
        known = {client: end for client, end in pair.documents[0].vector.items() if client != SERVER}
        updates = [(keystrokes.keystroke(random, known), peer) for _ in range(random.choice((1, 3)))]
        try:
            pair.take(updates)
        except BrokenDocument:  # as much as to say that the document is to be loaded again
            return
        if not pair.is_alike:
            event("pycrdt shows the same in several ways")
        if not pair.is_comparable:
            return


def test_what_impossible_neighbours_come_to_depends_on_the_steps() -> None:
    start, *both = impossible_neighbours()
    assert text_of(start, *both) == "aqbyz"
    assert text_of(start, merge_updates(*both)) == "ayzqb"


def test_documents_may_differ_where_pycrdt_does() -> None:
    pair, peer = Pair(None, base()), Peer("ann", judge=JUDGES[2])
    start, *both = impossible_neighbours()
    pair.take([(start, peer)])
    assert pair.is_alike
    pair.take([(update, peer) for update in both])
    assert not pair.is_alike


def impossible_neighbours() -> list[bytes]:
    """A text, and what two clients set into it: one at its end, but behind its first character."""
    return [
        yjs.sent(1, 0, yjs.item(yjs.text("ab"), parent="map")),
        yjs.sent(2, 0, yjs.item(yjs.text("yz"), left=Id(1, 0))),
        yjs.sent(300, 0, yjs.item(yjs.text("q"), right=Id(1, 1))),
    ]


def text_of(*updates: bytes) -> str:
    """What plain pycrdt shows of updates that it is told one by one."""
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    return str(doc.get("map", type=Text))
