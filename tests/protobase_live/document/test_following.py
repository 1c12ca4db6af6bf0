"""What is told of structures is what comparing all before and after would tell, and takes less reading."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from random import Random
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from protobase_live.document import Document
from protobase_live.model.operations import Op, Target
from protobase_live.model.values import same
from protobase_live.protocol.steps import at_once
from protobase_live.structures import KINDS
from tests.support.turns import PEER

Turn = list[tuple[Any, Any, Any]]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOONS = [NOON, *(NOON.astimezone(timezone(timedelta(hours=hours))) for hours in (1, 2))]
ATOMS = [0, 1, 2, True, False, "a", (1, 0), (True, 0), 2**60, float(2**60), *NOONS]
ATOMS += [("x", noon) for noon in NOONS[:2]]
VALUES = [None, 1, True, 1.5, "x", [1, [2]], {"a": 1}]
MANY = tuple([1] * 9)
"""More atoms than are looked for equal this one."""


def atom(random: Random) -> Any:
    return random.choice([*ATOMS, MANY])


WRITES: dict[str, list[Callable[[Random, Any], tuple[str, tuple[Any, ...]]]]] = {
    "dict": [
        lambda random, plain: ("set", (random.choice("abcdef"), random.choice(VALUES))),
        lambda random, plain: ("delete", (random.choice("abcdef"),)),
    ],
    "hash_dict": [
        lambda random, plain: ("set", (atom(random), random.choice(VALUES))),
        lambda random, plain: ("delete", (atom(random),)),
    ],
    "set": [
        lambda random, plain: ("add", (atom(random), atom(random))),
        lambda random, plain: ("remove", (atom(random),)),
    ],
    "counted_set": [
        lambda random, plain: ("add", (atom(random), 2)),
        lambda random, plain: ("remove", (atom(random), 1)),
    ],
    "counter": [lambda random, plain: ("add", (random.randrange(-2, 3),))],
    "list": [
        lambda random, plain: ("insert", (random.randint(0, len(plain)), random.sample(VALUES, 2))),
        lambda random, plain: ("extend", ([random.choice(VALUES)],)),
        lambda random, plain: ("set", (random.randrange(len(plain)), random.choice(VALUES))),
        lambda random, plain: ("delete", (random.randrange(len(plain)), 1)),
    ],
}
RARE = {"dict": "clear", "hash_dict": "clear", "set": "clear", "list": "clear"}


def write(random: Random, kind: str, document: Document) -> None:
    """A transaction of some operations, and now and then one that changes everything."""
    target = Target(kind, ("s",))
    with document.writing():
        for _ in range(random.randrange(1, 4)):
            plain = plain_now(document, kind) or KINDS[kind].plain_type()
            action, args = random.choice(WRITES[kind][: None if plain else 2])(random, plain)
            if kind in RARE and random.random() < 0.05:
                action, args = RARE[kind], ()
            document.write(document.rehearse([Op(target, action, args)]))


def edit_map(random: Random, root: str, keys: list[str], doc: Doc[Any]) -> None:
    shared: Any = doc.get(root, type=Map)
    for _ in range(random.randrange(1, 4)):
        key = random.choice([*keys, "no entry", "||"])
        if key in shared and isinstance(shared[key], Map):
            shared[key]["inside"] = random.randrange(3)
        elif key in shared and random.random() < 0.4:
            del shared[key]
        else:
            values: list[Any] = [True, 2, "text", None, Map({"inside": 1}), Array([1]), Text("t")]
            shared[key] = random.choice(values)


def edit_array(random: Random, root: str, keys: list[str], doc: Doc[Any]) -> None:
    shared: Any = doc.get(root, type=Array)
    for _ in range(random.randrange(1, 5)):
        at = random.randint(0, len(shared))
        if at < len(shared) and isinstance(shared[at], Map):
            shared[at]["inside"] = random.randrange(3)
        elif at < len(shared) and random.random() < 0.4:
            del shared[at]
        else:
            shared.insert(at, random.choice([7, "text", None, Map({"inside": 1}), Array([1, 2])]))


def plain_now(document: Document, kind: str) -> Any:
    """A new copy of all that is in the structure."""
    roots = document._content._roots
    shared = roots.get(KINDS[kind], "s")
    return None if shared is None else KINDS[kind].plain(shared)


def keys_of(kind: str, plain: Any) -> list[str]:
    """Keys of the Y.Map that Yjs clients may write."""
    if kind == "dict":
        return list("abcdef")
    texts = ["oQE", "oQI", "AQ", "ww", "wg", "oWE"]
    return texts if kind == "hash_dict" else [f"{text}|{by}" for text in texts for by in ("js", "node")]


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("kind", list(WRITES))
def test_it_is_what_comparing_everything_tells(made, kind, seed) -> None:
    """Transactions, edits of a Yjs client that has all or not, and commits of another node."""
    random, document, client = Random(seed), made(), Doc()
    document.tell_structures(True)
    with document.writing():
        document.write(document.rehearse([Op(Target(kind, ("s",)), *first(kind))]))
    document.finish()
    root = document._content._roots._registry.root_of("s")
    edit = partial(edit_array if kind == "list" else edit_map, random, root, keys_of(kind, None))
    for number in range(30):
        before = plain_now(document, kind)
        told: list[Any] = []
        if random.random() < 0.6:
            client.apply_update(document.encode())
        had = client.get_state()
        client_edits, own_edits = random.random() < 0.6, random.random() < 0.5
        if client_edits:
            edit(client)
            edit(client)
        update = client.get_update(had)
        if client_edits and random.random() < 0.5:
            outcome = at_once(document.replicate_in_steps(update))
            told += [] if outcome is None else outcome.differences
            own_edits = False
        elif client_edits:
            document.take(update, PEER)
            document.apply_taken()
        if own_edits:
            write(random, kind, document)
        outcome = document.finish()
        told += [] if outcome is None else outcome.differences
        every = KINDS[kind].differences(before, plain_now(document, kind))
        expected = [each for each in every if not same(each[1], each[2])]  # a turn tells no others
        assert [tuple(each[1:]) for each in told] == expected, number
        assert [repr(each[1]) for each in told] == [repr(each[0]) for each in expected]
        if number == 20:
            at_once(document.compact())


def first(kind: str) -> tuple[str, tuple[Any, ...]]:
    firsts: dict[str, tuple[str, tuple[Any, ...]]] = {
        "dict": ("set", ("a", 1)),
        "hash_dict": ("set", (1, 1)),
        "set": ("add", (1,)),
        "counted_set": ("add", (1, 1)),
        "counter": ("add", (1,)),
        "list": ("extend", ([1, 2],)),
    }
    return firsts[kind]


LARGE: dict[str, tuple[tuple[str, tuple[Any, ...]], tuple[str, tuple[Any, ...]]]] = {
    "dict": (("update", ({f"k{n}": n for n in range(300)},)), ("set", ("k5", -1))),
    "hash_dict": (("set", (1, [1])), ("set", (2, 2))),
    "set": (("add", tuple(range(300))), ("remove", (7,))),
    "counted_set": (("add", (1, 1)), ("add", (2, 1))),
    "list": (("extend", (list(range(300)),)), ("insert", (100, ["x"]))),
}


@pytest.mark.parametrize("kind", list(LARGE))
def test_one_entry_is_told_without_reading_the_structure(made, monkeypatch, kind) -> None:
    document, target = made(), Target(kind, ("s",))
    for told in (False, True):
        document.tell_structures(told)
        with document.writing():
            document.write(document.rehearse([Op(target, *LARGE[kind][0])]))
        document.finish()
    monkeypatch.setattr(type(KINDS[kind]), "plain", lambda *_: pytest.fail("it was read as a whole"))
    with document.writing():
        document.write(document.rehearse([Op(target, *LARGE[kind][1])]))
    outcome = document.finish()
    assert outcome is not None
    assert len(outcome.differences) == 1


def test_a_root_that_was_opened_as_something_else_first_is_told_all_the_same(made) -> None:
    """Its events do not say then which entries have changed."""
    client: Doc[Any] = Doc()
    client.get("s", type=Map).update({"oQE|js": True})
    document, target = made(client.get_update()), Target("set", ("s",))
    content: Any = document._content
    content._doc.get("s", type=Array)
    document.tell_structures(True)
    with document.writing():
        document.write(document.rehearse([Op(target, "add", ("b",))]))
        document.write(document.rehearse([Op(target, "remove", ("b",))]))
    document.finish()
    client.apply_update(document.encode())
    client.get("s", type=Map)["oQI|js"] = True
    outcome = at_once(document.replicate_in_steps(client.get_update()))
    assert outcome is not None
    assert len(outcome.differences) == 1
