"""A document against a plain-Python model, and documents against each other."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text

from protobase_live.document import Document, own
from protobase_live.errors import KindMismatch, MalformedUpdate, ProtoBaseError, RecordMissing
from protobase_live.model.operations import RECORDS, Op, Read, Target
from tests.support.turns import PEER, Peer, written_by

TAGS, LIKES, BODY = Target("set", ("tags",)), Target("counter", ("likes",)), Target("text", ("body",))
QUEUE, CONFIG, BAG = Target("list", ("queue",)), Target("dict", ("config",)), Target("counted_set", ("bag",))
GRID = Target("hash_dict", ("grid",))


def commit(document: Document, ops: list[Op], author: str | None = None) -> bytes:
    """One turn with one transaction; its update."""
    with document.writing():
        document.write(document.rehearse(ops), author)
    outcome = document.finish()
    assert outcome is not None
    return outcome.update


def receive(document: Document, update: bytes) -> bool:
    """Take a commit of another document; False if it lacks something, and is held."""
    fits = document.take(update, PEER)
    document.apply_taken()
    document.finish()
    return fits


def fresh(*updates: bytes, slice_bytes: int = own.SLICE_BYTES) -> Document:
    """A document that has loaded them, so many bytes between two pauses."""
    document = Document("fresh")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(own, "SLICE_BYTES", slice_bytes)
        for _ in document.load(updates):
            pass
    return document


def everything(document: Document) -> list[Any]:
    """What a reader sees, in an order that does not depend on the document."""
    return document.snapshot()


class Model:
    """The same in plain Python, written without a look at the structures."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.tags: set[Any] = set()
        self.likes = 0
        self.body = ""
        self.queue: list[Any] = []
        self.config: dict[str, Any] = {}
        self.bag: dict[Any, int] = {}
        self.grid: dict[Any, Any] = {}

    def copy(self) -> Model:
        other = Model()
        other.records = {key: dict(row) for key, row in self.records.items()}
        other.tags, other.likes, other.body = set(self.tags), self.likes, self.body
        other.queue, other.config = list(self.queue), dict(self.config)
        other.bag, other.grid = dict(self.bag), dict(self.grid)
        return other

    def carry_out(self, op: Op) -> None:
        """Raises ValueError where the operation is impossible."""
        getattr(self, f"{op.target.kind}_{op.action}")(*op.args)

    def records_insert(self, key, fields, _) -> None:
        if key in self.records:
            raise ValueError
        self.records[key] = dict(fields)

    def records_put(self, key, fields, _) -> None:
        self.records[key] = dict(fields)

    def records_update(self, key, fields, _) -> None:
        if key not in self.records:
            raise ValueError
        self.records[key] = self.records[key] | fields

    def records_delete(self, key) -> None:
        self.records.pop(key, None)

    def set_add(self, *elements) -> None:
        self.tags.update(elements)

    def set_remove(self, *elements) -> None:
        self.tags.difference_update(elements)

    def counter_add(self, n) -> None:
        self.likes += n

    def text_insert(self, index, text) -> None:
        if index > len(self.body):
            raise ValueError
        self.body = self.body[:index] + text + self.body[index:]

    def text_delete(self, index, count) -> None:
        if index + count > len(self.body):
            raise ValueError
        self.body = self.body[:index] + self.body[index + count :]

    def text_replace(self, text) -> None:
        self.body = text

    def list_insert(self, index, items) -> None:
        if index > len(self.queue):
            raise ValueError
        self.queue[index:index] = items

    def list_extend(self, items) -> None:
        self.queue += items

    def list_delete(self, index, count) -> None:
        if index + count > len(self.queue):
            raise ValueError
        del self.queue[index : index + count]

    def dict_set(self, key, value) -> None:
        self.config[key] = value

    def dict_delete(self, key) -> None:
        self.config.pop(key, None)

    def counted_set_add(self, element, n) -> None:
        self.bag[element] = self.bag.get(element, 0) + n

    def hash_dict_set(self, key, value) -> None:
        self.grid[key] = value

    def hash_dict_delete(self, key) -> None:
        self.grid.pop(key, None)

    def assert_shown_by(self, document: Document) -> None:
        assert document.records == self.records
        assert document.read(Read(RECORDS, "count")) == len(self.records)
        assert document.read(Read(LIKES, "value")) == self.likes
        assert document.read(Read(BODY, "value")) == self.body
        assert document.read(Read(QUEUE, "values")) == self.queue
        assert document.read(Read(CONFIG, "items")) == self.config
        assert set(document.read(Read(TAGS, "values"))) == self.tags
        assert dict(document.read(Read(BAG, "items"))) == self.bag
        assert dict(document.read(Read(GRID, "items"))) == self.grid


small = st.integers(0, 4)
keys = st.sampled_from(["a", "b", "c"])
values = st.one_of(st.none(), st.booleans(), small, st.text(max_size=3), st.lists(small, max_size=2))
fields = st.dictionaries(st.sampled_from(["x", "y"]), values, max_size=2)
texts = st.text(alphabet="ab é🙂", max_size=4)


def op(target: Target, action: str, *args: st.SearchStrategy) -> st.SearchStrategy[Op]:
    return st.tuples(*args).map(lambda given: Op(target, action, given))


operations = st.one_of(
    op(RECORDS, "insert", keys, fields, st.just({})),
    op(RECORDS, "put", keys, fields, st.just({})),
    op(RECORDS, "update", keys, fields, st.just({})),
    op(RECORDS, "delete", keys),
    op(TAGS, "add", keys),
    op(TAGS, "remove", keys),
    op(LIKES, "add", st.integers(-5, 5)),
    op(BODY, "insert", small, texts),
    op(BODY, "delete", small, small),
    op(BODY, "replace", texts),
    op(QUEUE, "insert", small, st.lists(values, max_size=3)),
    op(QUEUE, "extend", st.lists(values, max_size=3)),
    op(QUEUE, "delete", small, small),
    op(CONFIG, "set", keys, values),
    op(CONFIG, "delete", keys),
    op(BAG, "add", keys, st.integers(1, 3)),
    op(GRID, "set", st.tuples(small, small), values),
    op(GRID, "delete", st.tuples(small, small)),
)
transactions = st.lists(operations, min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(st.lists(transactions, max_size=12))
def test_a_document_does_what_plain_python_does(plan: list[list[Op]]) -> None:
    """All of a transaction or nothing, reads and differences included, and the same after a load."""
    document, model = Document("node"), Model()
    document.tell_structures(True)
    updates: list[bytes] = []
    for ops in plan:
        after = model.copy()
        try:
            for each in ops:
                after.carry_out(each)
        except ValueError:
            before = dict(document.vector)
            with pytest.raises(ProtoBaseError), document.writing():
                document.rehearse(ops)
            assert document.finish() is None
            assert document.vector == before
            continue
        with document.writing():
            document.write(document.rehearse(ops))
        outcome = document.finish()
        changed = {d.key for d in outcome.differences if d.structure == "records"} if outcome else set()
        assert changed == {k for k in "abc" if model.records.get(k) != after.records.get(k)}
        updates += [outcome.update] if outcome else []
        model = after
        model.assert_shown_by(document)
    assert everything(fresh(*updates)) == everything(document)
    assert everything(fresh(*updates, slice_bytes=1)) == everything(document)


@settings(max_examples=100, deadline=None)
@given(
    plan=st.lists(st.tuples(st.integers(0, 2), transactions, small), max_size=15),
    seed=st.integers(0, 2**32),
)
def test_documents_converge_in_whatever_order(plan, seed) -> None:
    """Three nodes write and exchange commits in any order, some twice: all agree, as does a fresh load."""
    random = Random(seed)
    nodes = [Document(name, client_id=n + 1) for n, name in enumerate(("ann", "bob", "eve"))]
    commits: list[bytes] = []
    for node, ops, deliveries in plan:
        try:
            commits.append(commit(nodes[node], ops))
        except (ProtoBaseError, AssertionError):
            nodes[node].finish()
        for _ in range(deliveries if commits else 0):
            receive(random.choice(nodes), random.choice(commits))
    for node in nodes:
        waiting = random.sample(commits, len(commits))
        while waiting:
            waiting = [update for update in waiting if not receive(node, update)]
    first = everything(nodes[0])
    assert all(everything(node) == first for node in nodes)
    assert everything(fresh(*commits)) == first
    assert everything(fresh(*commits, slice_bytes=100)) == first
    assert everything(fresh(nodes[0].encode())) == first


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_concurrent_writes_merge(data: st.DataObject) -> None:
    """Counters lose nothing, adds win over removes, and two fields of one record are both kept."""
    base = Document("base", client_id=1)
    start = [
        Op(RECORDS, "insert", ("r", {"x": 0, "y": 0}, {})),
        Op(TAGS, "add", ("kept", "gone")),
        Op(LIKES, "add", (1,)),
    ]
    first = commit(base, start)
    ann, bob = Document("ann", client_id=2), Document("bob", client_id=3)
    assert receive(ann, first)
    assert receive(bob, first)
    by_ann, by_bob = data.draw(st.integers(-9, 9)), data.draw(st.integers(-9, 9))
    one = commit(
        ann,
        [
            Op(RECORDS, "update", ("r", {"x": 1}, {})),
            Op(TAGS, "remove", ("kept", "gone")),
            Op(LIKES, "add", (by_ann,)),
        ],
    )
    other = commit(
        bob,
        [
            Op(RECORDS, "update", ("r", {"y": 2}, {})),
            Op(TAGS, "add", ("kept",)),
            Op(LIKES, "add", (by_bob,)),
        ],
    )
    assert receive(ann, other)
    assert receive(bob, one)
    for node in (ann, bob):
        assert node.records == {"r": {"x": 1, "y": 2}}
        assert node.read(Read(TAGS, "values")) == ["kept"]
        assert node.read(Read(LIKES, "value")) == 1 + by_ann + by_bob


def test_a_field_of_a_record_made_in_the_same_transaction() -> None:
    document = Document("node")
    field = Target("list", ("records", "r", "items"))
    ops = [
        Op(RECORDS, "insert", ("r", {"items": [1, 2]}, {"items": "list"})),
        Op(field, "insert", (2, [3])),
        Op(Target("counter", ("records", "r", "votes")), "add", (2,)),
    ]
    commit(document, ops)
    assert document.records == {"r": {"items": [1, 2, 3], "votes": 2}}


def test_a_field_of_a_record_that_is_not_there() -> None:
    document = Document("node")
    votes = Op(Target("counter", ("records", "r", "votes")), "add", (2,))
    with pytest.raises(RecordMissing):
        document.rehearse([votes])
    with pytest.raises(RecordMissing):
        document.rehearse(
            [Op(RECORDS, "insert", ("r", {}, {})), Op(RECORDS, "delete", ("r",)), votes],
        )


def test_a_field_of_another_kind() -> None:
    document = Document("node")
    commit(document, [Op(RECORDS, "insert", ("r", {"votes": 1, "title": "x"}, {"votes": "counter"}))])
    for target in (Target("set", ("records", "r", "votes")), Target("text", ("records", "r", "title"))):
        with pytest.raises(KindMismatch):
            document.read(Read(target, "count"))


def test_what_a_yjs_client_nests_is_read_as_plain_values() -> None:
    client: Doc = Doc()
    records = client.get("records", type=Map)
    records["r"] = Map({"map": Map({"a": 1}), "list": Array([1, "x"]), "text": Text("hi"), "n": 1.5})
    document = fresh(client.get_update())
    assert document.records == {"r": {"map": {"a": 1}, "list": [1, "x"], "text": "hi", "n": 1.5}}


def test_an_update_that_builds_on_what_is_not_here_waits_for_it() -> None:
    client: Doc = Doc()
    updates: list[bytes] = []
    subscription = client.observe(lambda event: updates.append(event.update))
    text = client.get("body", type=Text)
    for n in range(3):
        text.insert(n, "abc"[n])
    client.unobserve(subscription)
    document = Document("node")
    assert not receive(document, updates[2])
    assert document.read(Read(Target("text", ("body",)), "value")) == ""
    assert [receive(document, update) for update in updates[:2]] == [True, True]
    assert document.read(Read(Target("text", ("body",)), "value")) == "abc"


def test_new_clocks_under_the_documents_own_id_are_not_taken() -> None:
    document = Document("node", client_id=7)
    known = commit(document, [Op(LIKES, "add", (1,))])
    assert receive(document, known)
    forged: Doc = Doc(client_id=7)
    forged.get("body", type=Text).insert(0, "x" * 50)
    with pytest.raises(MalformedUpdate, match="client id 7 is the server's own"):
        receive(document, forged.get_update())


def test_a_text_is_not_read_as_a_list() -> None:
    """pycrdt would not come back: a client that calls a text with an emoji a list must not stop anybody."""
    client: Doc = Doc()
    client.get("cm", type=Text).insert(0, "a😀b")
    client.get("protobase:structures", type=Map)["cm"] = "list"
    document = fresh(client.get_update())
    document.tell_structures(True)
    assert document.snapshot() == []
    with pytest.raises(KindMismatch, match="holds a text"):
        document.read(Read(Target("list", ("cm",)), "values"))


def test_half_a_character_reads_as_in_yjs() -> None:
    """pycrdt keeps the whole character for its first half, and nothing for its second."""
    document, body = Document("node"), Target("text", ("body",))
    typed = b"\x01\x01\x01\x00\x04\x01\x04body\x06a\xf0\x9f\x98\x80b\x00"
    without_first_half = b"\x00\x01\x01\x01\x01\x01"
    for update, shown in ((typed, "a\U0001f600b"), (without_first_half, "a\ufffdb")):
        assert document.take(update, PEER)
        document.apply_taken()
        document.finish()
        assert document.read(Read(body, "value")) == shown
    assert fresh(typed, without_first_half).read(Read(body, "value")) == "a\ufffdb"
    assert document.vector == {1: 4}


BEHIND_A_HALF = (
    bytes.fromhex("01010100040104626f647904f09f988000"),  # a character of two units
    bytes.fromhex(
        "0101010284010112f09f91a9e2808df09f91a9e2808df09f91a70101010001"
    ),  # less half of it, and more
    bytes.fromhex("0101010a840109017800"),  # more behind that
)


def test_what_follows_half_a_character_is_taken() -> None:
    """pycrdt counts one unit too few behind half a character that it was given whole, and panics later."""
    body = Read(Target("text", ("body",)), "value")
    document = Document("node")
    for update in BEHIND_A_HALF:
        assert receive(document, update)
    assert document.read(body) == "\ufffd\U0001f469\u200d\U0001f469\u200d\U0001f467x"
    assert document.vector == {1: 11}
    for slice_bytes in (1, own.SLICE_BYTES):
        assert fresh(*BEHIND_A_HALF, slice_bytes=slice_bytes).read(body) == document.read(body)
    whole = fresh(BEHIND_A_HALF[0])
    for update in BEHIND_A_HALF[1:]:
        assert whole.take(update, PEER)
    whole.apply_taken()
    assert whole.read(body) == document.read(body)


def test_what_two_authors_sent_in_one_turn_is_told_apart() -> None:
    """Whoever does not look for the end of a run has it applied at once."""
    document = Document("node")
    for author in ("ann", "bob"):
        assert document.take(written_by(lambda doc, key=author: records(doc, key)), Peer(author))
    document.apply_taken()
    outcome = document.finish()
    assert outcome is not None
    assert [(part.author, [key for _, key in part.keys]) for part in outcome.parts] == [
        ("ann", ["ann"]),
        ("bob", ["bob"]),
    ]


def records(doc: Doc, key: str) -> None:
    doc.get("records", type=Map)[key] = Map({"n": 1})


def test_a_document_made_anew_within_a_turn_tells_whose_changes_are_whose() -> None:
    document = Document("node")
    document.tell_structures(True)
    commit(document, [Op(LIKES, "add", (1,)), Op(RECORDS, "put", ("k", {"n": 1}))])
    receive(document, BEHIND_A_HALF[0])
    ann, bob = Peer("ann"), Peer("bob")
    other: Doc = Doc(client_id=5)
    other.apply_update(document.encode())
    known = other.get_state()
    other.get("records", type=Map)["k"]["n"] = 2
    assert document.take(BEHIND_A_HALF[1], ann)
    assert document.ends_run(bob.author)
    assert not document.ends_run(ann.author)
    for _ in document.apply_in_steps():
        pass
    assert document.take(other.get_update(known), bob)
    document.apply_taken()
    outcome = document.finish()
    assert outcome is not None
    assert [(part.author, ("records", "k") in part.keys) for part in outcome.parts] == [
        ("ann", False),
        ("bob", True),
    ]
