"""What is kept of a set's keys is what is there, whoever writes and whenever it is asked for."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Map

from protobase_live.document import Document
from protobase_live.model.operations import Op, Read, Target
from protobase_live.structures import kept_keys, sets
from protobase_live.structures.sets import SET
from tests.support.turns import PEER, carry_out

TAGS = Target("set", ("tags",))


def contains(document: Document, element: object) -> bool:
    return document.read(Read(TAGS, "contains", (element,)))


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_as_if_all_were_looked_through(seed: int) -> None:
    random, document, other = Random(seed), Document("a|node"), Document("other")
    documents = [document, other]
    carry_out(document, Op(TAGS, "add", ("x",)))
    for _ in range(random.randint(1, 25)):
        writer = random.choice(documents)
        ops = [
            Op(TAGS, action, () if action == "clear" else (random.choice(["x", "y|", 1, True]),))
            for action in random.choices(["add", "remove", "clear"], [6, 4, 1], k=random.randint(1, 3))
        ]
        with writer.writing():
            writer.write(writer.rehearse(ops))
            assert_consistent(writer)
        writer.finish()
        for reader in documents if random.random() < 0.5 else []:
            for source in documents:
                reader.take(source.encode(reader.vector), PEER)
                reader.apply_taken()
                reader.finish()
        for each in documents:
            assert_consistent(each)


def assert_consistent(document: Document) -> None:
    there = document.read(Read(TAGS, "values"))
    texts = set(map(repr, there))
    assert [contains(document, e) for e in ("x", "y|", 1, True)] == [
        repr(e) in texts for e in ("x", "y|", 1, True)
    ]


def test_keys_are_looked_through_once(monkeypatch) -> None:
    looks: list[object] = []
    known = kept_keys.map_keys

    def counted(shared):
        looks.append(shared)
        return known(shared)

    monkeypatch.setattr(kept_keys, "map_keys", counted)
    monkeypatch.setattr(sets, "map_keys", counted)
    document = Document("node")
    carry_out(document, Op(TAGS, "add", tuple(range(500))))
    for n in range(200):
        carry_out(document, Op(TAGS, "remove", (n,)))
        carry_out(document, Op(TAGS, "add", (n + 1_000,)))
        assert not contains(document, n)
        assert contains(document, n + 1_000)
    assert len(looks) == 1


@pytest.mark.parametrize("key", ["x", "@", "|", "x|", "x|a|b"])
def test_whatever_a_client_writes(key: str) -> None:
    doc: Doc = Doc()
    shared = doc.get("tags", type=Map)
    shared[key] = True
    kept = SET.kept(shared)
    found = [key] if "|" in key else []
    assert kept.beginning_with(key.partition("|")[0]) == found
    for each in kept.beginning_with(key.partition("|")[0]):
        del kept[each]
    assert list(shared.keys()) == [each for each in [key] if not found]
