"""Handles: friendly names over a Port."""

import pytest
from pycrdt import Doc

from protobase_live.errors import ValidationError
from protobase_live.model.operations import Target
from protobase_live.model.values import pack, unpack
from protobase_live.structures import (
    HANDLES,
    KINDS,
    CountedSet,
    Counter,
    Dict,
    HashDict,
    List,
    Set,
    Text,
    XmlFragment,
)


class Wire:
    """A Port to one document, through packed bytes."""

    def __init__(self):
        self.doc = Doc()
        self.opened = []

    async def write(self, collection, ops):
        for op in ops:
            kind, shared = self._structure(op.target)
            args = kind.check(op.action, tuple(unpack(pack(list(op.args)))))
            kind.rehearse(shared, None, op.action, args)
            kind.write(shared, op.action, args, "r")

    async def read(self, collection, read):
        if read.method == "open":
            self.opened.append((collection, read.target))
            return None
        kind, shared = self._structure(read.target)
        args = kind.check_read(read.method, tuple(unpack(pack(list(read.args)))))
        return unpack(pack(kind.read(shared, read.method, args)))

    def _structure(self, target):
        kind = KINDS[target.kind]
        return kind, self.doc.get(target.path[0], type=kind.shared_type)


@pytest.fixture
def wire():
    return Wire()


@pytest.fixture
def structure(wire):
    return lambda handle: handle(wire, "c", Target(handle.kind, (handle.kind,)))


async def test_awaiting_a_handle_opens_it(wire, structure):
    handle = structure(Set)
    assert await handle is handle
    assert wire.opened == [("c", Target("set", ("set",)))]


def test_every_kind_but_records_has_a_handle():
    assert set(HANDLES) == set(KINDS) - {"records"}
    assert all(handle.behaviour is KINDS[name] for name, handle in HANDLES.items())


async def test_dict(structure):
    handle = structure(Dict)
    await handle.set("b", 1)
    await handle.update({"a": [1], "c": None})
    assert await handle.items() == {"a": [1], "b": 1, "c": None}
    assert await handle.keys() == ["a", "b", "c"]
    assert await handle.get("z", 5) == 5
    assert await handle.get("a") == [1]
    await handle.delete("a")
    assert not await handle.contains("a")
    assert await handle.count() == 2
    await handle.clear()
    assert await handle.items() == {}


async def test_list(structure):
    handle = structure(List[int])
    await handle.append(1)
    await handle.extend((3, 4))
    await handle.insert(1, 2)
    await handle.set(3, 5)
    assert await handle.values() == [1, 2, 3, 5]
    assert await handle.get(-1) == 5
    assert await handle.slice(1, 3) == [2, 3]
    await handle.delete(0)
    assert await handle.count() == 3
    await handle.clear()
    assert await handle.values() == []


async def test_set(structure):
    handle = structure(Set[object])
    await handle.add("a", (1, ("b",)), 1)
    await handle.remove("a", "never")
    assert await handle.values() == {(1, ("b",)), 1}
    assert await handle.contains((1, ("b",)))
    assert await handle.count() == 2
    await handle.clear()
    assert await handle.values() == set()


async def test_counted_set(structure):
    handle = structure(CountedSet)
    await handle.add("a")
    await handle.add((1,), 3)
    await handle.remove((1,))
    assert await handle.items() == {"a": 1, (1,): 2}
    assert await handle.count_of((1,)) == 2
    assert await handle.count() == 3


@pytest.mark.parametrize("kind", [Set, CountedSet])
async def test_what_python_calls_equal_counts_as_two(structure, kind):
    handle = structure(kind)
    await handle.add(True)
    await handle.add(1)
    assert await handle.count() == 2


async def test_hash_dict(structure):
    handle = structure(HashDict)
    await handle.set((1, "a"), "x")
    await handle.set(1, "one")
    await handle.set(True, "true")
    assert await handle.get((1, "a")) == "x"
    assert await handle.get(1) == "one"
    assert await handle.get(True) == "true"
    assert await handle.get("z", 0) == 0
    assert await handle.count() == 3
    await handle.delete(True)
    assert not await handle.contains(True)
    assert await handle.items() == {(1, "a"): "x", 1: "one"}
    await handle.clear()
    assert await handle.count() == 0


async def test_counter(structure):
    handle = structure(Counter)
    await handle.add()
    await handle.add(-3)
    await handle.add(2**80)
    assert await handle.value() == 2**80 - 2


async def test_text(structure):
    handle = structure(Text)
    await handle.append("héllo")
    await handle.insert(2, "😀")
    await handle.delete(0)
    assert await handle.value() == "é😀llo"
    await handle.replace("é😀")
    assert await handle.count() == 2


async def test_xml_fragment(structure):
    handle = structure(XmlFragment)
    await handle.insert_element(0, "p", {"class": "a"}, "text")
    await handle.insert_element(1, "br")
    assert await handle.value() == '<p class="a">text</p><br></br>'
    await handle.delete(0)
    assert await handle.count() == 1


def test_no_text_stands_at_the_top_of_a_fragment(structure):
    """Editors show nothing of a document that has one, and delete it with the next key stroke."""
    with pytest.raises(ValidationError, match=r"use insert_element\(index, 'paragraph', text='...'\)"):
        structure(XmlFragment).insert_text(0, "raw")


def test_arguments_are_checked_at_the_call(structure):
    with pytest.raises(ValidationError, match=r"counter.add: n is 'x' \(str\); expected an int"):
        structure(Counter).add("x")
    with pytest.raises(ValidationError, match=r"set.add: element 0"):
        structure(Set).add({})


NO_VALUE = object()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda made: made(List).append(NO_VALUE), "list.append: values[0] is <object"),
        (lambda made: made(List).extend([NO_VALUE]), "list.extend: values[0] is <object"),
        (lambda made: made(List).extend(5), "list.extend: values is 5 (int); expected a list"),
        (lambda made: made(List).extend("abc"), "list.extend: values is 'abc' (str); expected a list"),
        (lambda made: made(List).extend(b"abc"), "list.extend: values is b'abc' (bytes); expected a list"),
        (lambda made: made(List).extend({"a": 1}), "list.extend: values is {'a': 1} (dict); expected a list"),
        (lambda made: made(Text).append(5), "text.append: text is 5 (int); expected a str"),
        (lambda made: made(Text).insert(0, 5), "text.insert: text is 5 (int); expected a str"),
        (lambda made: made(Dict).update(5), "dict.update: mapping is 5 (int); expected a dict"),
    ],
)
def test_what_is_wrong_is_said_of_the_method_that_was_called(structure, call, said):
    with pytest.raises(ValidationError) as caught:
        call(structure)
    assert said in str(caught.value)
