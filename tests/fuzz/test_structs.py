"""A document's structs against Yjs in Node, on random honest histories and on impossible updates.

Yjs is the judge of what updates mean: whatever is stored or sent in their stead has to mean the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, Structs
from protobase_live.protocol.yjs.update_walker import Walker
from tests.support import yjs_encoding as encoding
from tests.support.impossible_updates import Attacker
from tests.support.query_cases import cases
from tests.support.struct_oracle import History, PycrdtJudge, YjsJudge, as_pycrdt_keeps

seeds = st.integers(0, 2**32 - 1)
ATTACKERS = (1, 2, 3, 2**32 + 1)
"""Client ids of the attacker."""

SIZE_RATIO, SIZE_BYTES = 1.2, 200
"""How much longer than Yjs's own an encoding may be: in proportion, and in bytes beside."""


@pytest.fixture(scope="module")
def yjs() -> Iterator[YjsJudge]:
    with YjsJudge() as judge:
        yield judge


@pytest.fixture(scope="module")
def native() -> Iterator[PycrdtJudge]:
    with PycrdtJudge() as judge:
        yield judge


@dataclass
class Taken:
    """A store that was given updates, and what it gave on."""

    honest: bool
    store: Structs = field(default_factory=Structs)
    accepted: list[bytes] = field(default_factory=list)
    """What was taken, in the order in which it was: honest updates as they came in where all of one was taken
    at once, else what was flushed. (Nonsense means something else to its sender than to those who are told.)
    """
    flushes: list[bytes] = field(default_factory=list)
    native: list[bytes] = field(default_factory=list)
    """What a native document is given: flushes, or all from the beginning where a character was halved."""
    rests: list[bytes] = field(default_factory=list)
    compacted: bool = False

    def compact(self) -> None:
        """Let go of what is deleted: the store does not know then when a deleted character is halved."""
        self.store.compact()
        self.compacted = True

    def take(self, update: bytes) -> bool:
        """Take an update, and what waited for it; False if it was refused."""
        if not self._take(update):
            return False
        progress = True
        while progress:
            waiting, self.rests = self.rests, []
            before = dict(self.store.vector)
            for rest in waiting:
                self._take(rest)
            progress = before != self.store.vector
        return True

    def _take(self, update: bytes) -> bool:
        try:
            rest = self.store.take(update)
        except MalformedUpdate:
            assert self.store.flush() == EMPTY_UPDATE, "something of a refused update was taken"
            return False
        flushed = self.store.flush()
        if rest is not None:
            self.rests.append(rest.update)
        if flushed != EMPTY_UPDATE:
            self.accepted.append(update if self.honest and rest is None else flushed)
            self.flushes.append(flushed)
            self.native.append(flushed)
        if self.store.halved:
            self.native = [self.store.encode()]
            self.store.halved = False
        return True


def take_all(updates: Sequence[bytes], *, honest: bool) -> Taken:
    taken = Taken(honest)
    for update in updates:
        taken.take(update)
    return taken


def is_in_order(store: Structs) -> bool:
    """Whether nothing that an attacker put between two neighbours was taken.

    He does not mean to use two of one place, and two of different places are refused; but he may be wrong
    about what is at a clock that he has used twice. Where such a struct belongs, Yjs itself answers by the
    order of the updates.
    """
    walker = Walker(store.encode())
    walker.walk()
    return not any(
        struct.origin and struct.right for structs in walker.clients.values() for struct in structs
    )


def check_engines(taken: Taken, yjs: YjsJudge, native: PycrdtJudge) -> None:
    """What was accepted, what was flushed and what is encoded mean the same to Yjs, and to pycrdt.

    The two do not agree on where something belongs whose right neighbour stands before its left one: to
    notice that takes integrating it, so the content of pycrdt is compared for honest histories alone.

    A pycrdt document that lets go of nothing (`skip_gc`) has deleted characters whole. When somebody writes
    between the halves of one, `get_update` writes other pieces than those he wrote between, and what stands
    behind gets before it (docs/upstream.md, 1). A store that has let go of the character cannot tell, and
    need not: the documents of collections let go of it, too. After that, what `skip_gc` encodes is not
    compared.
    """
    expected = yjs.judge(taken.accepted)
    for updates in ([taken.store.encode()], taken.flushes):
        judged = yjs.judge(updates)
        assert judged.vector == expected.vector == taken.store.vector
        assert judged.content == expected.content
    again = Structs()
    assert again.take(taken.store.encode()) is None
    assert yjs.judge([again.encode()]).content == expected.content
    for skip_gc in (False, True):
        vector, encoded = native.judge(taken.native, skip_gc=skip_gc)
        assert vector == expected.vector
        if taken.honest and not (skip_gc and taken.compacted):
            shown = yjs.judge([encoded]).content
            assert as_pycrdt_keeps(shown) == as_pycrdt_keeps(expected.content)


def check_states(taken: Taken, random: Random, yjs: YjsJudge) -> None:
    """Whoever has got so far gets the rest."""
    expected = yjs.judge(taken.accepted)
    for _ in range(3):
        got = taken.accepted[: random.randint(0, len(taken.accepted))]
        state = yjs.judge(got).vector
        judged = yjs.judge([*got, taken.store.encode(state)])
        assert judged.vector == expected.vector
        assert judged.content == expected.content


def history_of(seed: int, yjs: YjsJudge, **options: object) -> History:
    random = Random(seed)
    return yjs.history(
        seed,
        edits=random.choice((5, 20, 80)),
        clients=random.randint(1, 4),
        gc=random.random() < 0.6,
        far=random.choice((0, 2, 30)),
        **options,
    )


@cases(40)
@given(seeds, st.booleans())
def test_every_history_of_yjs_is_taken(yjs: YjsJudge, native: PycrdtJudge, seed: int, halves: bool) -> None:
    history = history_of(seed, yjs, halves=halves)
    taken = Taken(honest=True)
    for update in history.deliveries:
        assert taken.take(update)
    assert taken.rests == []
    judged = yjs.judge([taken.store.encode()])
    assert judged.content == history.judged.content
    assert judged.vector == history.judged.vector
    assert judged.deletes == history.judged.deletes
    check_engines(taken, yjs, native)
    check_states(taken, Random(seed), yjs)


@cases(40)
@given(seeds)
@example(3929)  # what an undo manager brings back between something and itself
@example(111049912)  # halves of a character that was deleted and let go of
def test_letting_go_of_what_is_deleted(yjs: YjsJudge, native: PycrdtJudge, seed: int) -> None:
    """After each of some updates; the size is that of Yjs's own encoding, about.

    Which of two concurrent values under a key is deleted, only who integrates them knows: it is told by the
    first client that answers sync step 1, here before the sizes are compared.
    """
    random, history = Random(seed), history_of(seed, yjs)
    taken = Taken(honest=True)
    for update in history.deliveries:
        taken.take(update)
        if random.random() < 0.2:
            taken.compact()
    taken.compact()
    judged = yjs.judge([taken.store.encode()])
    assert judged.content == history.judged.content
    assert judged.vector == history.judged.vector
    assert judged.deletes == history.judged.deletes
    taken.store.take(encoding.update([], judged.deletes))
    taken.compact()
    assert len(taken.store.encode()) <= SIZE_RATIO * yjs.judge(history.updates).size + SIZE_BYTES
    check_engines(taken, yjs, native)
    check_states(taken, random, yjs)


@cases(20)
@given(seeds)
def test_what_is_known_is_nothing_new(yjs: YjsJudge, seed: int) -> None:
    history = history_of(seed, yjs)
    taken = take_all(history.deliveries, honest=True)
    for update in (*history.updates, *history.deliveries, taken.store.encode()):
        assert taken.store.take(update) is None
        assert taken.store.flush() == EMPTY_UPDATE


@cases(40)
@given(seeds, st.sampled_from((10, 40, 120)))
def test_impossible_updates_do_no_harm(yjs: YjsJudge, native: PycrdtJudge, seed: int, count: int) -> None:
    random = Random(seed)
    attacker = Attacker(random, ATTACKERS)
    taken = take_all([attacker.next() for _ in range(count)], honest=False)
    assume(is_in_order(taken.store))
    check_engines(taken, yjs, native)
    check_states(taken, random, yjs)
