"""What is made anew shows what was there, and has nothing of values that lost against others."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from protobase_live.collection.erasing import without_record
from protobase_live.collection.fold import fold
from protobase_live.document.state_hash import hash_state
from protobase_live.protocol.steps import at_once

SECRET = b"0123456789abcdef"
KEYS = ("a", "b", "c")
WORD = "word{};"


def records_of(doc: Doc[Any]) -> Any:
    return doc.get("records", type=Map)


class Editors:
    """Clients that set and delete keys at once, at several levels; what each of them writes is stored, and
    not what it deletes when others' values win."""

    def __init__(self, random: Random, ids: Sequence[int] = ()) -> None:
        ids = ids or [random.getrandbits(32) for _ in range(3)]
        self.docs: list[Doc[Any]] = [Doc(client_id=id) for id in ids]
        self.stored: list[bytes] = []
        self.words = 0
        self._random = random
        self._subscriptions = [doc.observe(self._write) for doc in self.docs]
        self._met = False

    def _write(self, event: Any) -> None:
        if not self._met:
            self.stored.append(event.update)

    def word(self) -> str:
        self.words += 1
        return WORD.format(self.words)

    def meet(self, *docs: Doc[Any]) -> None:
        self._met = True
        for doc in docs:
            for other in docs:
                doc.apply_update(other.get_update(doc.get_state()))
        self._met = False

    def value(self, depth: int) -> Any:
        kind = self._random.choice(["plain", "text", "map", "list"] if depth < 3 else ["plain"])
        if kind == "text":
            return Text(self.word())
        if kind == "map":
            return Map({key: self.value(depth + 1) for key in self._random.sample(KEYS, 2)})
        return Array([self.word()]) if kind == "list" else self.word()

    def edit(self, doc: Doc[Any]) -> None:
        random, place, depth = self._random, records_of(doc), 0
        while True:
            found: list[Any] = [value for value in place.values() if isinstance(value, Map)]
            if not found or random.random() < 0.4:
                break
            place, depth = random.choice(found), depth + 1
        key = random.choice(KEYS)
        old: Any = place.get(key)
        if isinstance(old, Text) and random.random() < 0.5:
            old.insert(random.choice([0, len(old)]), self.word())
        elif old is not None and random.random() < 0.4:
            del place[key]
        else:
            place[key] = self.value(depth) if depth else Map({"f": self.value(1)})

    def session(self, rounds: int = 25) -> list[bytes]:
        for _ in range(rounds):
            for doc in self.docs:
                self.edit(doc)
            if self._random.random() < 0.3:
                self.meet(*self._random.sample(self.docs, 2))
        return self.stored


def shown(updates: list[bytes], without: str = "") -> tuple[str, str]:
    """The state hash of all of them, without a record, and all that is in the records."""
    doc: Doc[Any] = Doc()
    for update in updates:
        doc.apply_update(update)
    records = records_of(doc)
    if without in records:
        del records[without]
    return at_once(hash_state(doc)), str(records)


@pytest.mark.parametrize("seed", range(60))
def test_only_the_values_that_won_are_in_what_is_made_anew(seed: int) -> None:
    editors = Editors(Random(seed))
    updates = editors.session()
    key = Random(seed).choice(["none", *KEYS])
    again = without_record(updates, key, SECRET)
    state, records = shown(updates, key)
    assert shown([again])[0] == state
    words = [WORD.format(number + 1) for number in range(editors.words)]
    assert [word for word in words if word.encode() in again] == [word for word in words if word in records]


@pytest.mark.parametrize("seed", range(20))
def test_folding_brings_no_value_back_that_lost(seed: int) -> None:
    updates = Editors(Random(seed)).session()
    state, _ = shown(updates)
    assert shown([fold(updates)])[0] == state
    folded = b""
    for update in updates:
        folded = fold([folded, update] if folded else [update])
    assert shown([folded])[0] == state


@pytest.mark.parametrize("is_deleted", [True, False])
@pytest.mark.parametrize("ids", [(1000, 2000), (2000, 1000), (2**31, 2**30)])
def test_of_two_that_set_a_key_at_once_the_one_that_lost_does_not_come_back(
    ids: tuple[int, int], is_deleted: bool
) -> None:
    editors = Editors(Random(0), ids)
    for number, doc in enumerate(editors.docs):
        records_of(doc)["k"] = Map({"by": f"set by {number}"})
    editors.meet(*editors.docs)
    winner = records_of(editors.docs[0])["k"]["by"]
    if is_deleted:
        del records_of(editors.docs[0])["k"]
    again = without_record(editors.stored, "another", SECRET)
    left = [f"set by {number}" for number in range(2) if f"set by {number}".encode() in again]
    assert left == ([] if is_deleted else [winner])
