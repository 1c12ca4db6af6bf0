"""Joiners get everything, from a cached state where that is cheaper."""

from __future__ import annotations

from pycrdt import Doc, Map

from protobase_live.database.joiners import TAIL_COMMITS, JoinState
from protobase_live.document import EMPTY_STATE, Document
from protobase_live.operations import RECORDS, Op
from protobase_storage import Commit


class Collection:
    """A document with its joiners, as its actor keeps them."""

    def __init__(self) -> None:
        self.document = Document("node")
        self.joiners = JoinState()
        self.vector: dict[str, int] = {}

    def write(self, n: int) -> Commit:
        with self.document.writing():
            self.document.write([Op(RECORDS, "put", (f"k{n}", {"n": n}, {}))])
        outcome = self.document.finish()
        assert outcome is not None
        commit = Commit("node", n + 1, "c", outcome.update, outcome.parts, 0.0)
        self.vector["node"] = n + 1
        self.joiners.add(commit)
        return commit

    def join(self, state: bytes = EMPTY_STATE) -> list[bytes]:
        return self.joiners.answer(self.document, state, self.vector)


def keys(updates: list[bytes]) -> int:
    document = Document("reader")
    for _ in document.load(updates):
        pass
    return len(document.records)


def test_everybody_gets_everything() -> None:
    collection = Collection()
    for n in range(3 * TAIL_COMMITS):
        collection.write(n)
        assert keys(collection.join()) == n + 1


def test_a_joiner_costs_nothing_while_nothing_happens() -> None:
    collection = Collection()
    for n in range(TAIL_COMMITS // 2):
        collection.write(n)
    first, second = collection.join(), collection.join()
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_who_has_something_gets_the_rest() -> None:
    collection = Collection()
    collection.write(0)
    doc: Doc = Doc()
    for update in collection.join():
        doc.apply_update(update)
    collection.write(1)
    (rest,) = collection.join(doc.get_state())
    assert len(rest) < len(collection.document.encode())
    doc.apply_update(rest)
    assert set(doc.get("records", type=Map).keys()) == {"k0", "k1"}


def test_a_snapshot_replaces_what_it_covers() -> None:
    collection = Collection()
    for n in range(10):
        collection.write(n)
    state, vector = collection.document.encode(), {"node": 10}
    collection.write(10)
    before = collection.joiners.size
    collection.joiners.folded(state, vector)
    assert keys(collection.join()) == 11
    assert collection.joiners.size < before


def test_an_older_snapshot_than_what_is_cached_is_ignored() -> None:
    collection = Collection()
    collection.write(0)
    old = collection.document.encode()
    for n in range(1, 2 * TAIL_COMMITS):
        collection.write(n)
    collection.join()
    collection.joiners.folded(old, {"node": 1})
    assert keys(collection.join()) == 2 * TAIL_COMMITS
