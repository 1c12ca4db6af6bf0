"""Replicas that write concurrently agree, and lose no more than each kind says."""

from collections import Counter as Bag

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Map

from protobase_live.errors import ProtoBaseError
from protobase_live.structures import FIELD_KINDS, KINDS

ELEMENTS = st.sampled_from(["a", "b", 1, (1, 2)])
INDEX = st.integers(0, 4)
WORD = st.text(st.sampled_from("ab😀é"), max_size=3)
KEY = st.sampled_from(["k", "l"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "title": WORD,
        "n": st.integers(0, 5),
        "tags": st.sets(ELEMENTS),
        "body": WORD,
        "steps": st.lists(st.integers(0, 3), max_size=3),
    },
)
MERGES = st.just({"n": "counter", "tags": "set", "body": "text", "steps": "list"})
STEPS = {
    "records": st.tuples(st.sampled_from(["insert", "put", "update"]), st.tuples(KEY, FIELDS, MERGES))
    | st.tuples(st.just("delete"), st.tuples(KEY)),
    "dict": st.tuples(st.just("set"), st.tuples(KEY, WORD)) | st.tuples(st.just("delete"), st.tuples(KEY)),
    "hash_dict": st.tuples(st.just("set"), st.tuples(ELEMENTS, WORD))
    | st.tuples(st.just("delete"), st.tuples(ELEMENTS)),
    "list": st.tuples(st.just("insert"), st.tuples(INDEX, st.lists(st.integers(0, 9), max_size=3)))
    | st.tuples(st.just("delete"), st.tuples(INDEX, st.integers(0, 2)))
    | st.tuples(st.just("set"), st.tuples(INDEX, st.integers(0, 9))),
    "set": st.tuples(st.sampled_from(["add", "remove"]), st.lists(ELEMENTS, max_size=2).map(tuple))
    | st.just(("clear", ())),
    "counted_set": st.tuples(st.sampled_from(["add", "remove"]), st.tuples(ELEMENTS, st.integers(1, 3))),
    "counter": st.tuples(st.just("add"), st.tuples(st.integers(-9, 9))),
    "text": st.tuples(st.just("insert"), st.tuples(INDEX, WORD))
    | st.tuples(st.just("delete"), st.tuples(INDEX, st.integers(0, 2)))
    | st.tuples(st.just("replace"), st.tuples(WORD)),
    "xml_fragment": st.tuples(st.just("insert_element"), st.tuples(INDEX, st.just("p")))
    | st.tuples(st.just("delete"), st.tuples(INDEX, st.integers(0, 2))),
}


class Replica:
    """One node's document with one structure; what it writes is kept as updates."""

    def __init__(self, kind, number):
        self.kind = KINDS[kind]
        self.name = f"replica{number}"
        self.doc = Doc(client_id=number + 1)
        self.shared = self.doc.get("it", type=self.kind.shared_type)
        self.updates = []

    def do(self, action, *args):
        """Carry out one action. Raises what rehearsing it raises, and then changes nothing."""
        args = self.kind.check(action, args)
        where = self.plain() if self.kind.name == "records" else self.shared
        self.kind.rehearse(where, None, action, args)
        state = self.doc.get_state()
        with self.doc.transaction():
            self.kind.write(self.shared, action, args, self.name)
        self.updates.append(self.doc.get_update(state))

    def see(self, *others):
        for other in others:
            self.doc.apply_update(other.doc.get_update(self.doc.get_state()))

    def plain(self):
        return self.kind.plain(self.shared)


def replicas(kind, count):
    return [Replica(kind, number) for number in range(count)]


def merge(*nodes):
    """Everybody sees everything; the one value that they then have."""
    for _ in range(2):
        for node in nodes:
            node.see(*(other for other in nodes if other is not node))
    first, *others = [node.plain() for node in nodes]
    assert all(other == first for other in others)
    return first


@pytest.mark.parametrize("kind", STEPS)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_replicas_converge(kind, data):
    assert set(STEPS) == set(KINDS)
    nodes = replicas(kind, data.draw(st.integers(2, 3)))
    for _ in range(data.draw(st.integers(1, 8))):
        node = data.draw(st.sampled_from(nodes))
        if data.draw(st.booleans()):
            node.see(data.draw(st.sampled_from(nodes)))
        try:
            node.do(*_flat(data.draw(STEPS[kind])))
        except ProtoBaseError:
            continue
    updates = [update for node in nodes for update in node.updates]
    for node in nodes:  # in any order, some twice
        for update in data.draw(st.permutations(updates + updates[:3])):
            node.doc.apply_update(update)
    plain = merge(*nodes)
    late = Replica(kind, 9)
    late.see(nodes[0])
    assert late.plain() == plain


def _flat(step):
    action, args = step
    return action, *args


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_an_add_survives_every_remove_that_did_not_see_it(data):
    nodes = replicas("set", 3)
    seen = [set(), set(), set()]  # the adds that each replica knows, as (element, number)
    removed = set()
    for number in range(data.draw(st.integers(1, 12))):
        index = data.draw(st.integers(0, 2))
        node, element = nodes[index], data.draw(ELEMENTS)
        match data.draw(st.sampled_from(["add", "add", "remove", "see"])):
            case "add":  # takes the place of the replica's own earlier adds
                removed |= {known for known in seen[index] if known[0] == element and known[2] == index}
                node.do("add", element)
                seen[index].add((element, number, index))
            case "remove":
                node.do("remove", element)
                removed |= {known for known in seen[index] if known[0] == element}
            case "see":
                other = data.draw(st.integers(0, 2))
                if other != index:
                    node.see(nodes[other])
                    seen[index] |= seen[other]
    adds = set().union(*seen)
    assert merge(*nodes) == {element for element, *rest in adds if (element, *rest) not in removed}


def test_concurrent_adds_of_which_one_is_removed():
    a, b, c = replicas("set", 3)
    a.do("add", "x")
    b.do("add", "x")
    c.see(a)
    c.do("remove", "x")
    assert c.plain() == set()
    assert merge(a, b, c) == {"x"}


def test_adding_again_what_is_there_survives_a_concurrent_remove():
    a, b = replicas("set", 2)
    a.do("add", "x")
    b.see(a)
    b.do("remove", "x")
    a.do("add", "x")
    assert merge(a, b) == {"x"}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-(2**70), 2**70), st.integers(0, 2)), max_size=12))
@settings(max_examples=50, deadline=None)
def test_counters_lose_nothing(steps):
    nodes = replicas("counter", 3)
    for index, n, other in steps:
        nodes[index].do("add", n)
        nodes[other].see(nodes[index])
    assert merge(*nodes) == sum(n for _, n, _ in steps)


@given(st.lists(st.tuples(st.integers(0, 2), ELEMENTS, st.integers(1, 5), st.integers(0, 2)), max_size=12))
@settings(max_examples=50, deadline=None)
def test_counted_sets_lose_no_add(steps):
    nodes = replicas("counted_set", 3)
    expected = Bag()
    for index, element, n, other in steps:
        nodes[index].do("add", element, n)
        expected[element] += n
        nodes[other].see(nodes[index])
    assert merge(*nodes) == expected


def both_remove_the_last():
    a, b = replicas("counted_set", 2)
    a.do("add", "x", 1)
    b.see(a)
    a.do("remove", "x", 1)
    b.do("remove", "x", 1)
    assert merge(a, b) == {}
    return a, b


def test_a_counted_set_is_never_negative():
    a, _ = both_remove_the_last()
    assert a.kind.read(a.shared, "count", ()) == 0


def test_what_is_added_after_two_have_removed_the_last_one_is_there():
    a, b = both_remove_the_last()
    b.do("remove", "x", 1)
    a.do("add", "x", 2)
    assert merge(a, b) == {"x": 2}
    b.do("remove", "x", 1)
    assert merge(a, b) == {"x": 1}


def test_what_two_add_at_once_after_that_is_there_once():
    a, b = both_remove_the_last()
    a.do("add", "x", 1)
    b.do("add", "x", 2)
    assert merge(a, b) == {"x": 3}


def test_what_is_put_after_two_have_removed_the_last_one_is_there():
    a, b = both_remove_the_last()
    a.kind.assign(a.shared, {"x": 1, "y": 2}, "a")
    assert merge(a, b) == {"x": 1, "y": 2}
    b.kind.assign(b.shared, {}, "b")
    assert merge(a, b) == {}


def test_fields_of_a_record_merge():
    a, b = replicas("records", 2)
    a.do("insert", "t", {"title": "x", "done": False})
    b.see(a)
    a.do("update", "t", {"title": "y"})
    b.do("update", "t", {"done": True, "owner": "ann"})
    assert merge(a, b) == {"t": {"title": "y", "done": True, "owner": "ann"}}


def test_a_put_changes_only_what_differs():
    a, b = replicas("records", 2)
    a.do("insert", "t", {"title": "x", "done": False, "old": 1})
    b.see(a)
    a.do("put", "t", {"title": "y", "done": False})
    b.do("put", "t", {"title": "x", "done": True, "old": 1})
    assert merge(a, b) == {"t": {"title": "y", "done": True}}


def test_assigned_merging_fields_merge():
    merges = {"votes": "counter", "tags": "set", "steps": "list", "body": "text", "stock": "counted_set"}
    fields = {"votes": 1, "tags": {"a", "b"}, "steps": [1, 2, 3], "body": "one two", "stock": {"x": 1}}
    a, b = replicas("records", 2)
    a.do("insert", "t", fields, merges)
    b.see(a)
    a.do("update", "t", {"votes": 4, "tags": {"a", "b", "c"}, "steps": [0, 1, 2, 3]}, merges)
    a.do("put", "t", {**a.plain()["t"], "body": "one, two", "stock": {"x": 3}}, merges)
    b.do("update", "t", {"votes": 11, "tags": {"b"}, "steps": [1, 2, 3, 4]}, merges)
    b.do("update", "t", {"body": "one two three", "stock": {"x": 2, "y": 1}}, merges)
    assert merge(a, b)["t"] == {
        "votes": 14,
        "tags": {"b", "c"},
        "steps": [0, 1, 2, 3, 4],
        "body": "one, two three",
        "stock": {"x": 4, "y": 1},
    }


@pytest.mark.parametrize("kind", FIELD_KINDS)
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_assigning_gives_the_value(kind, data):
    field_kind = FIELD_KINDS[kind]
    values = {
        "set": st.sets(ELEMENTS),
        "counter": st.integers(),
        "list": st.lists(st.integers(0, 2) | st.booleans(), max_size=6),
        "text": st.text(st.sampled_from("ab😀é́"), max_size=6),
        "counted_set": st.dictionaries(ELEMENTS, st.integers(1, 3)),
    }[kind]
    record = Doc().get("record", type=Map)
    record["field"] = shared = field_kind.empty()
    for value in data.draw(st.lists(values, max_size=4)):
        value = field_kind.check_value(value, "it")
        with record.doc.transaction():
            field_kind.assign(shared, value, "r")
        assert field_kind.plain(shared) == value
        assert list(map(type, field_kind.plain(shared))) == list(map(type, value)) if kind == "list" else True
        state = record.doc.get_state()
        field_kind.assign(shared, value, "r")
        assert record.doc.get_state() == state
