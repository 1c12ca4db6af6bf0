"""What is refused is put back, and nothing that is stored or sent has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText

import protobase_live as pb
from protobase_live.document import BrokenDocument, Document, Judge, Outcome, Rules, Scope
from protobase_live.document.trial import APART_STRUCTS
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.protocol.steps import at_once
from tests.support.taking import take_at_once
from tests.support.turns import Peer, carry_out, limited_to

BAD = "MARKER"
"""Stands in every value that is refused."""


class Task(pb.Atom):
    title: str
    done: bool = False
    votes: pb.Counter = 0


class Client:
    """A Yjs client of a document. One that ``keeps`` what is deleted has an undo manager."""

    def __init__(self, document: Document, judge: Judge | None, id: int = 7, *, keeps: bool = False) -> None:
        self.document = document
        self.peer = Peer("ann", judge=judge)
        self.doc: Doc = Doc(client_id=id, skip_gc=keeps)
        self.records = self.doc.get("records", type=Map)
        self.body = self.doc.get("body", type=Text)
        self.tree = self.doc.get("tree", type=XmlFragment)
        self.items = self.doc.get("items", type=Array)
        self.hear(document.encode())

    def hear(self, update: bytes) -> None:
        self.doc.apply_update(update)

    def edit(self, change: Callable[[Client], Any]) -> bytes:
        updates: list[bytes] = []
        watch = self.doc.observe(lambda event: updates.append(event.update))
        with self.doc.transaction():
            change(self)
        self.doc.unobserve(watch)
        return updates[0]

    def send(self, *changes: Callable[[Client], Any]) -> Outcome:
        """Edit, have all of it taken in one turn, and hear what that shows."""
        for change in changes:
            take_at_once(self.document, self.edit(change), self.peer)
        return self.end_turn()

    def end_turn(self) -> Outcome:
        """Have what was taken finished, and hear what that shows."""
        self.document.apply_taken()
        outcome = self.document.finish()
        assert outcome is not None
        self.hear(outcome.update)
        return outcome

    @property
    def seen(self) -> tuple[Any, ...]:
        return self.records.to_py(), self.body.diff(), str(self.tree), self.items.to_py()


def full(schema: type[pb.Atom] | None = None, most: int = 1_000) -> Document:
    """A document that has something of everything, not all of which may fit the schema."""
    without = Document("node")
    writer = Client(without, None, id=1)

    def write(client: Client) -> None:
        client.records["t1"] = Map({"title": "Write", "note": Text("a note"), "tags": Map({"x": 1})})
        client.records["t2"] = Map({"title": "Read", "done": True})
        client.body.insert(0, "A text with a bold word")
        client.body.format(14, 18, {"bold": True})
        bold = XmlElement("b", None, ["you"])
        client.tree.children.append(XmlElement("p", {"class": "lead"}, ["Hello ", bold]))
        client.items.extend([1, "two", Map({"three": 3}), 4])

    writer.send(write)
    document = Document("node", client_id=1_000, rules=Rules(schema, most))
    at_once(document.load([without.encode()]))
    return document


def assert_put_back(document: Document, client: Client, before: tuple[Any, ...], outcome: Outcome) -> None:
    """Everybody has what was there before, and nobody what was refused."""
    assert client.seen == before
    assert Client(document, None, id=3).seen == before
    assert outcome.refusals.keys() == {client.peer}
    assert outcome.parts == ()
    assert outcome.differences == ()
    for stored in (outcome.update, document.encode()):
        assert BAD.encode() not in stored
    assert BAD not in repr(outcome)


def set_title(client: Client) -> None:
    client.records["t1"]["title"] = BAD


def insert_record(client: Client) -> None:
    client.records["t9"] = Map({"title": BAD, "note": Text(BAD), "tags": Map({"x": BAD})})


def delete_record(client: Client) -> None:
    del client.records["t1"]


def replace_record(client: Client) -> None:
    client.records["t1"] = Map({"title": BAD})


def replace_by_a_plain_value(client: Client) -> None:
    client.records["t1"] = BAD


def type_into_a_field(client: Client) -> None:
    client.records["t1"]["note"].insert(2, BAD)


def type_into_text(client: Client) -> None:
    client.body.insert(3, BAD)


def cut_text(client: Client) -> None:
    del client.body[2:16]


def format_text(client: Client) -> None:
    client.body.format(0, 6, {"italic": BAD})


def unformat_text(client: Client) -> None:
    client.body.format(12, 20, {"bold": None})


def change_a_tree(client: Client) -> None:
    paragraph = client.tree.children[0]
    paragraph.attributes["class"] = BAD
    paragraph.children.append(XmlElement("i", None, [BAD]))
    del paragraph.children[0]


def delete_a_tree(client: Client) -> None:
    del client.tree.children[0]


def change_a_list(client: Client) -> None:
    client.items.insert(1, BAD)
    del client.items[3]


def make_a_root(client: Client) -> None:
    client.doc.get("another", type=Map)["k"] = BAD


def everything(client: Client) -> None:
    for change in CHANGES[:-1]:
        if change not in (replace_record, replace_by_a_plain_value, type_into_a_field, delete_record):
            change(client)
    delete_record(client)


CHANGES = [
    *(set_title, insert_record, delete_record, replace_record, replace_by_a_plain_value, type_into_a_field),
    *(type_into_text, cut_text, format_text, unformat_text, change_a_tree, delete_a_tree, change_a_list),
    *(make_a_root, everything),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_reader_is_put_back(change) -> None:
    document = full()
    client = Client(document, Judge(read_only=True))
    before, records = client.seen, dict(document.records)
    outcome = client.send(change)
    assert client.seen == before
    assert document.records == records
    assert_put_back(document, client, before, outcome)
    assert list(outcome.refusals.values()) == ["you may read here, and not write"]


def replace_record_again(client: Client) -> None:
    set_title(client)
    replace_record(client)
    delete_record(client)


def set_thrice_and_delete(client: Client) -> None:
    for number in range(3):
        client.records["t1"]["title"] = f"{BAD}{number}"
    delete_record(client)


def set_inside_and_replace(client: Client) -> None:
    client.records["t1"]["tags"]["x"] = BAD
    client.records["t1"]["tags"] = Map({"y": BAD})
    replace_record(client)


def set_attribute_and_delete(client: Client) -> None:
    client.tree.children[0].attributes["class"] = BAD
    delete_a_tree(client)


def set_after_typing_and_delete(client: Client) -> None:
    type_into_text(client)
    set_title(client)
    cut_text(client)
    delete_record(client)


def set_in_one_slice_and_delete_in_another(client: Client) -> None:
    set_title(client)
    client.body.insert(0, BAD * 10_000)
    client.items.append(BAD)
    delete_record(client)


def set_in_an_item_and_delete(client: Client) -> None:
    client.items[2]["three"] = BAD
    del client.items[1:4]


@pytest.mark.parametrize(
    "change",
    [
        *(replace_record_again, set_thrice_and_delete, set_inside_and_replace, set_attribute_and_delete),
        *(set_after_typing_and_delete, set_in_an_item_and_delete, set_in_one_slice_and_delete_in_another),
    ],
)
def test_what_was_set_in_something_and_deleted_with_it_is_put_back(change) -> None:
    document = full()
    client = Client(document, Judge(read_only=True), keeps=True)
    before, shown = client.seen, state_of(document)
    outcome = client.send(change)
    assert_put_back(document, client, before, outcome)
    assert state_of(document) == shown
    assert state_of(anew(document)) == shown


@pytest.mark.parametrize(("holder", "key"), [("records", "t1"), ("items", 2), ("nodes", 0)])
def test_what_replaces_what_its_author_has_not_heard_of_and_is_deleted_with_its_place_is_put_back(
    holder: str, key: Any
) -> None:
    document = full()
    writer, client = Client(document, None, id=5), Client(document, Judge(read_only=True), keeps=True)

    def held(client: Client) -> Any:
        return client.tree.children if holder == "nodes" else getattr(client, holder)

    def set_it(client: Client, value: str) -> None:
        found = held(client)[key]
        (found if isinstance(found, Map) else found.attributes)["z"] = value

    def set_and_delete(client: Client) -> None:
        set_it(client, BAD)
        del held(client)[key]

    writer.send(lambda client: set_it(client, "good"))
    shown = state_of(document)
    client.send(set_and_delete)
    assert state_of(document) == shown
    assert state_of(anew(document)) == shown


def anew(document: Document) -> Document:
    """The document as it is loaded by whoever was stored or sent it."""
    found = Document("another")
    at_once(found.load([document.encode()]))
    return found


def state_of(document: Document) -> str:
    return at_once(document.hash_in_steps())


def test_what_others_would_not_see_is_not_taken_as_put_back() -> None:
    """pycrdt shows what it put back behind something in the deleted record; nobody else looks there."""
    document = full(most=10_000)
    client = Client(document, Judge(read_only=True), keeps=True)

    def set_often_and_delete(client: Client) -> None:
        for number in range(APART_STRUCTS + 1):
            client.records["t1"]["title"] = f"{BAD}{number}"
        delete_record(client)

    with pytest.raises(BrokenDocument, match=r"it cannot be put back: .* inside something that is deleted"):
        take_at_once(document, client.edit(set_often_and_delete), client.peer)


def test_nothing_is_written_where_nobody_else_sees_it() -> None:
    """Whoever has been told otherwise is loaded afresh, and no write that others never see is answered."""
    document = full()
    client = Client(document, None)
    document._structs.take(client.edit(delete_record))
    document._structs.skip_flush()
    with document.writing():
        document.write(document.rehearse([Op(RECORDS, "update", ("t1", {"title": "lost"}, {}))]))
    with pytest.raises(BrokenDocument, match="inside something that is deleted"):
        document.finish()


def test_what_does_not_read_as_before_is_not_taken_as_put_back() -> None:
    """A text that was put back in pieces, between which somebody typed, comes back without some of them."""
    document = Document("node", client_id=1_000)
    writer = Client(document, None, id=1)
    writer.send(lambda client: client.tree.children.append(XmlText("abcdefgh")))
    reader = Client(document, Judge(read_only=True), id=11, keeps=True)
    typed = writer.edit(lambda client: client.tree.children[0].insert(4, "X"))

    def cut(client: Client) -> None:
        del client.tree.children[0][2:6]

    reader.send(cut)
    take_at_once(document, typed, writer.peer)
    reader.end_turn()
    assert str(reader.tree) == "abcdefXgh"
    with pytest.raises(BrokenDocument, match="is refused, and cannot be put back"):
        take_at_once(document, reader.edit(delete_a_tree), reader.peer)


def test_who_goes_on_before_hearing_of_it_is_put_back_as_well() -> None:
    document = full()
    client = Client(document, Judge(read_only=True))
    before = client.seen
    more = (lambda c: c.body.insert(5, BAD), lambda c: c.records["t1"].update({"title": BAD + "2"}))
    assert_put_back(document, client, before, client.send(type_into_text, set_title, *more, cut_text))


def test_he_can_write_again_what_he_may() -> None:
    document = full(Task)
    client = Client(document, None)
    client.send(lambda c: c.records.update({"t9": Map({"title": 5})}))
    assert client.records.get("t9") is None
    outcome = client.send(lambda c: c.records.update({"t9": Map({"title": "five"})}))
    assert outcome.refusals == {}
    assert document.records["t9"] == {"title": "five"}
    assert client.records["t9"].to_py() == {"title": "five"}


def test_what_others_write_in_the_same_turn_stays() -> None:
    document = full()
    reader, writer = Client(document, Judge(read_only=True)), Client(document, None, id=9)
    changes = reader.edit(cut_text), writer.edit(lambda c: c.body.insert(14, "long ")), reader.edit(set_title)
    for update, who in zip(changes, (reader, writer, reader), strict=True):
        take_at_once(document, update, who.peer)
    document.apply_taken()
    outcome = document.finish()
    assert outcome is not None
    assert outcome.refusals.keys() == {reader.peer}
    for client in (reader, writer):
        client.hear(outcome.update)
    assert reader.seen == writer.seen
    assert str(reader.body) == "A text with a long bold word"
    assert BAD.encode() not in outcome.update


def test_what_is_held_is_judged_when_it_fits() -> None:
    document = full()
    reader = Client(document, Judge(read_only=True))
    before = reader.seen
    first, second = reader.edit(set_title), reader.edit(type_into_text)
    assert not take_at_once(document, second, reader.peer)
    assert take_at_once(document, first, reader.peer)
    outcome = reader.end_turn()
    assert_put_back(document, reader, before, outcome)


def test_what_is_held_is_judged_by_who_sent_it() -> None:
    """Somebody else may bring what it lacks."""
    document = full()
    reader, writer = Client(document, Judge(read_only=True)), Client(document, None, id=9)
    typed = writer.edit(lambda c: c.body.insert(0, "so "))
    reader.hear(typed)
    assert not take_at_once(document, reader.edit(lambda c: c.body.insert(1, BAD)), reader.peer)
    take_at_once(document, typed, writer.peer)
    outcome = reader.end_turn()
    assert str(reader.body) == "so A text with a bold word"
    assert BAD.encode() not in outcome.update
    assert outcome.refusals.keys() == {reader.peer}


def test_what_comes_too_late_to_be_seen_is_stored_by_nobody() -> None:
    """It loses against what somebody else wrote, or is inside something that is gone."""
    document = full(Task)
    late, other = Client(document, None, id=5), Client(document, None, id=900)
    other.send(lambda c: c.records["t1"].update({"title": "first"}), lambda c: c.records.pop("t2"))
    outcome = late.send(
        lambda c: c.records["t1"].update({"title": [BAD]}), lambda c: c.records["t2"].update({"more": BAD})
    )
    assert outcome.refusals == {}
    assert document.records["t1"]["title"] == "first"
    assert BAD.encode() not in outcome.update + document.encode()
    other.hear(document.encode())
    late.hear(document.encode())
    assert late.seen == other.seen


@pytest.mark.parametrize(("before", "after"), [(None, Judge(read_only=True)), (Judge(read_only=True), None)])
def test_who_may_write_something_else_meanwhile_is_judged_anew(before, after) -> None:
    """A large update is taken with pauses, and permissions may change in each."""
    document, sender = full(), Changing(before)
    large = Client(document, None).edit(lambda c: c.items.extend([{"n": number} for number in range(5_000)]))
    steps = document.take_in_steps(large, sender)
    next(steps)
    sender.judge = after
    with pytest.raises(BrokenDocument, match="has changed"):
        at_once(steps)


class Changing:
    """Whose permissions change."""

    author = "eve"

    def __init__(self, judge: Judge | None) -> None:
        self.judge = judge


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c.records["t1"].update({"title": 5}), "field 'title' does not fit; expected str"),
        (lambda c: c.records["t2"].pop("title"), "lacks the field 'title'"),
        (lambda c: c.records["t2"].update({BAD: 1}), "has another field; there are title, done, votes"),
        (lambda c: c.records.update({"t9": Map({"done": True})}), "a new record would be no Task: it lacks"),
        (lambda c: c.records.update({"t2": BAD}), "would be no map of fields"),
        (lambda c: c.records.update({"t2": {"title": 1}}), "field 'title' does not fit"),
        (type_into_a_field, "it has another field"),
        (lambda c: c.doc.get("records", type=Array).insert(0, BAD), "nothing else stands beside them"),
    ],
)
def test_what_does_not_fit_a_schema_is_refused(change, reason) -> None:
    document = full(Task)
    client = Client(document, None)
    before = client.seen
    outcome = client.send(change)
    assert client.seen == before
    (told,) = outcome.refusals.values()
    assert reason in told
    assert BAD not in told


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.records["t1"].update({"title": "five"}),
        lambda c: c.records["t2"].pop("done"),
        lambda c: c.records.pop("t1"),
        lambda c: c.records.update({"t9": Map({"title": "nine", "votes": 1})}),
        lambda c: c.records.update({"t9": {"title": "nine"}}),
        type_into_text,
        make_a_root,
    ],
)
def test_what_fits_is_taken(change) -> None:
    """Of what nobody touches it does not matter whether it fits: a field of t1 is none of the class."""
    document = full(Task)
    assert Client(document, None).send(change).refusals == {}


@pytest.mark.parametrize(
    ("judge", "change", "taken"),
    [
        (limited_to(fields=frozenset({"title"})), lambda c: c.records["t1"].update({"title": "New"}), True),
        (limited_to(fields=frozenset({"title"})), lambda c: c.records["t2"].update({"done": False}), False),
        (limited_to(fields=frozenset({"title"})), type_into_a_field, False),
        (limited_to(fields=frozenset({"title"})), delete_record, False),
        (limited_to(fields=frozenset({"title"})), replace_record, False),
        (limited_to(fields=frozenset({"title"})), replace_by_a_plain_value, False),
        (
            limited_to(fields=frozenset({"title"})),
            lambda c: c.records.update({"n": Map({"title": "N"})}),
            True,
        ),
        (limited_to(fields=frozenset({"title", "done"})), lambda c: c.records.pop("t2"), False),
        (
            limited_to(fields=frozenset({"title", "done"})),
            lambda c: c.records.update({"t2": Map({"title": "x"})}),
            False,
        ),
        (limited_to(structures=frozenset({"body"})), type_into_text, True),
        (limited_to(structures=frozenset({"body"})), change_a_tree, False),
        (limited_to(structures=frozenset({"body"})), make_a_root, False),
        (limited_to(structures=frozenset()), type_into_text, False),
        (limited_to(structures=frozenset()), set_title, True),
        (
            limited_to(old=lambda row: row.get("done") is True),
            lambda c: c.records["t2"].update({"n": 1}),
            True,
        ),
        (limited_to(old=lambda row: row.get("done") is True), set_title, False),
        (limited_to(new=lambda row: row["title"] != BAD), set_title, False),
        (limited_to(new=lambda row: row["none"] != BAD), set_title, False),
        (
            limited_to(new=lambda row: row["title"] != BAD),
            lambda c: c.records["t1"].update({"title": "x"}),
            True,
        ),
        (limited_to(new=lambda row: False), lambda c: c.records.pop("t1"), True),
        (limited_to(new=lambda row: True), replace_by_a_plain_value, False),
        (limited_to(old=lambda row: row["_key"] == "t1"), lambda c: c.records.pop("t1"), True),
        (limited_to(old=lambda row: row["_key"] == "t2"), delete_record, False),
        (limited_to(records=False, structures=frozenset({"body"})), type_into_text, True),
        (limited_to(records=False, structures=frozenset({"body"})), set_title, False),
        (limited_to(records=False), insert_record, False),
        (Judge(scopes=()), type_into_text, False),
    ],
)
def test_what_somebody_may_write(judge, change, taken) -> None:
    document = full()
    client = Client(document, judge)
    before = client.seen
    outcome = client.send(change)
    if taken:
        assert outcome.refusals == {}
        assert client.seen != before or str(client.doc.get("another", type=Map).to_py()) != "{}"
    else:
        assert_put_back(document, client, before, outcome)


DONE = Scope(old=lambda row: row.get("done") is True)
"""What is done may be written, and become anything."""
TITLES = Scope(fields=frozenset({"title"}), structures=frozenset({"items"}))
"""Titles of all records may be written."""
STAYS = Scope(fields=frozenset({"note"}), new=lambda row: row.get("title") == "Write")
"""Notes of what is called so in the end may be written."""


def write_t1(**fields: Any) -> Callable[[Client], Any]:
    return lambda client: client.records["t1"].update(fields)


@pytest.mark.parametrize(
    ("scopes", "change", "taken"),
    [
        ((DONE, TITLES), lambda c: c.records["t2"].update({"done": False, "more": 1}), True),
        ((DONE, TITLES), write_t1(title="x"), True),
        ((DONE, TITLES), write_t1(done=BAD), False),
        ((DONE, TITLES), write_t1(title=BAD, done=True), False),
        ((DONE, TITLES), delete_record, False),
        ((DONE, TITLES), lambda c: c.records.pop("t2"), True),
        ((TITLES, STAYS), write_t1(note="x", title="Write"), True),
        ((TITLES, STAYS), write_t1(note=BAD, title="x"), False),
        ((TITLES, STAYS), write_t1(note="x"), True),
        ((DONE, Scope(structures=frozenset({"body"}))), type_into_text, True),
        ((TITLES, Scope(structures=frozenset({"body"}))), change_a_tree, False),
        ((TITLES, Scope()), replace_by_a_plain_value, True),
    ],
)
def test_of_several_scopes_the_union_counts_record_by_record(scopes, change, taken) -> None:
    document = full()
    client = Client(document, Judge(scopes=scopes))
    before = client.seen
    outcome = client.send(change)
    if taken:
        assert outcome.refusals == {}
        assert client.seen != before
    else:
        assert_put_back(document, client, before, outcome)


def test_half_a_character_is_not_taken_from_who_may_not_cut_it() -> None:
    """It cannot be put back: both halves are lost to every Yjs client."""
    document = full()
    writer = Client(document, None)
    writer.send(lambda c: c.body.insert(0, "\U0001f600"))
    half = b"\x01\x01\x09\x00\xc4\x07\x00\x07\x01\x03bad\x00"
    with pytest.raises(BrokenDocument, match="you may read here"):
        take_at_once(document, half, Peer("bob", judge=Judge(read_only=True)))
    other = full()
    Client(other, None).send(lambda c: c.body.insert(0, "\U0001f600"))
    assert take_at_once(other, half, Peer("bob", judge=limited_to(fields=frozenset())))
    other.apply_taken()
    assert str(Client(other, None, id=2).body).startswith("\ufffdbad\ufffd")


def test_what_deletes_too_much_is_not_taken() -> None:
    document = full(most=13)
    client = Client(document, Judge(read_only=True))
    with pytest.raises(BrokenDocument, match="more than 13 clocks were to be put back"):
        take_at_once(document, client.edit(cut_text), client.peer)


def test_what_was_stored_is_judged_no_more() -> None:
    """A schema says what is written from now on."""
    before = full()
    document = Document("node", rules=Rules(Task))
    at_once(document.load([before.encode()]))
    assert document.records == before.records


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        (
            Op(RECORDS, "insert", ("n", {"title": 5}, {})),
            "record 'n' would be no Task: its field 'title' is 5",
        ),
        (Op(RECORDS, "insert", ("n", {}, {})), "lacks the field 'title'"),
        (Op(RECORDS, "put", ("t2", {"title": "x", "more": 1}, {})), "Task has no field 'more'"),
        (
            Op(RECORDS, "update", ("t2", {"done": 1}, {})),
            "record 't2' would be no Task: its field 'done' is 1",
        ),
        (
            Op(Target("list", ("records", "t1", "done")), "extend", (["x"],)),
            "record 't1' would be no Task: its field 'done' does not fit; expected bool",
        ),
        (
            Op(Target("set", ("records", "t2", "tilte")), "add", ("x",)),
            "no field 'tilte'; did you mean 'title'",
        ),
    ],
)
def test_a_transaction_that_does_not_fit_is_refused(op: Op, reason: str) -> None:
    document = full(Task)
    with pytest.raises(pb.ValidationError, match=reason):
        document.rehearse([op])


def test_a_transaction_that_fits_is_carried_out() -> None:
    document = full(Task)
    carry_out(document, Op(RECORDS, "insert", ("n", {"title": "x"}, {})))
    carry_out(document, Op(RECORDS, "update", ("n", {"votes": 1}, {"votes": "counter"})))
    carry_out(document, Op(RECORDS, "delete", ("t1",)))
    assert document.records["n"] == {"title": "x", "votes": 1}
