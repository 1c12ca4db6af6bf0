"""Letting go of what is deleted."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.yjs.structs import Structs, compaction
from protobase_live.protocol.yjs.structs.compaction import _Compaction, _delete_orphans
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.keystrokes import written
from tests.support.yjs_encoding import Id, Shared, sent


def compacted(*updates: bytes) -> Structs:
    structs = Structs()
    for update in updates:
        assert structs.take(update) is None
    structs.compact()
    return structs


def test_a_deleted_struct_keeps_its_place_and_loses_its_content() -> None:
    structs = compacted(
        sent(1, 0, yjs.item(yjs.binary(b"x" * 500), parent="m", key="k"), deletes={1: [(0, 1)]})
    )
    assert structs.encode() == sent(
        1, 0, yjs.item(yjs.deleted(1), parent="m", key="k"), deletes={1: [(0, 1)]}
    )


def test_what_stood_in_a_deleted_type_loses_its_place_too() -> None:
    structs = compacted(
        sent(1, 0, yjs.item(yjs.shared(Shared.MAP), parent="m", key="k")),
        sent(2, 0, yjs.item(yjs.shared(Shared.TEXT), parent=Id(1, 0), key="t")),
        sent(3, 0, yjs.item(yjs.text("abc"), parent=Id(2, 0))),
        sent(1, 1, deletes={1: [(0, 1)]}),
    )
    gone = {3: [(0, 3)], 2: [(0, 1)], 1: [(0, 1)]}
    blocks = [
        yjs.Block(3, 0, [yjs.gc(3)]),
        yjs.Block(2, 0, [yjs.gc(1)]),
        yjs.Block(1, 0, [yjs.item(yjs.deleted(1), parent="m", key="k")]),
    ]
    assert structs.encode() == yjs.update(blocks, gone)


def test_what_was_deleted_inside_a_text() -> None:
    text = sent(1, 0, yjs.item(yjs.text("abéde"), parent="t"))
    structs = compacted(text, sent(1, 0, deletes={1: [(1, 2)]}))
    parts = (
        yjs.item(yjs.text("a"), parent="t"),
        yjs.item(yjs.deleted(2), left=Id(1, 0)),
        yjs.item(yjs.text("de"), left=Id(1, 2)),
    )
    assert structs.encode() == sent(1, 0, *parts, deletes={1: [(1, 2)]})
    structs.take(sent(1, 5, yjs.item(yjs.text("f"), left=Id(1, 4))))
    structs.take(sent(1, 0, deletes={1: [(0, 4)]}))
    structs.compact()
    parts = yjs.item(yjs.deleted(4), parent="t"), yjs.item(yjs.text("ef"), left=Id(1, 3))
    assert structs.encode() == sent(1, 0, *parts, deletes={1: [(0, 4)]})


def test_what_became_alike_is_joined() -> None:
    structs = compacted(
        sent(1, 0, yjs.item(yjs.text("ab"), parent="t")),
        sent(1, 2, yjs.item(yjs.embed("{}"), left=Id(1, 1))),
        sent(1, 3, yjs.item(yjs.text("c"), left=Id(1, 2))),
        sent(1, 4, yjs.item(yjs.text("d"), left=Id(1, 0))),
        sent(1, 5, yjs.item(yjs.text("e"), left=Id(1, 4), right=Id(1, 1)), deletes={1: [(0, 6)]}),
    )
    parts = (
        yjs.item(yjs.deleted(4), parent="t"),
        yjs.item(yjs.deleted(1), left=Id(1, 0)),
        yjs.item(yjs.deleted(1), left=Id(1, 4), right=Id(1, 1)),
    )
    assert structs.encode() == sent(1, 0, *parts, deletes={1: [(0, 6)]})


def test_half_a_character_is_let_go_of() -> None:
    structs = compacted(sent(1, 0, yjs.item(yjs.text("x😀y"), parent="t")), sent(1, 0, deletes={1: [(1, 1)]}))
    parts = (
        yjs.item(yjs.text("x"), parent="t"),
        yjs.item(yjs.deleted(1), left=Id(1, 0)),
        yjs.item(yjs.text("\ufffdy"), left=Id(1, 1)),
    )
    assert structs.encode() == sent(1, 0, *parts, deletes={1: [(1, 1)]})


@given(st.integers(0, 2**32))
def test_nothing_else_changes(seed: int) -> None:
    """It does not matter when it is done, and doing it again does nothing."""
    random, plain, structs = Random(seed), Structs(), Structs()
    for each in (plain, structs):
        each.take(keystrokes.base())
    for _ in range(40):
        update = keystrokes.keystroke(random, plain.vector)
        if keystrokes.taken(plain, update):
            assert keystrokes.taken(structs, update)
        if random.random() < 0.2:
            structs.compact()
    plain.compact()
    structs.compact()
    assert structs.vector == plain.vector
    assert structs.deletes == plain.deletes
    assert structs.size <= plain.size + 60
    again = Structs()
    assert again.take(structs.encode()) is None
    before = again.encode()
    again.compact()
    assert again.encode() == before == structs.encode()


@pytest.mark.parametrize("seed", range(20))
def test_pauses_change_nothing(monkeypatch, seed: int) -> None:
    at_once, paused = written(seed), written(seed)
    at_once.compact()
    monkeypatch.setattr(compaction, "SCAN_STRUCTS", 2)
    paused.compact()
    assert paused.encode() == at_once.encode()
    assert paused.deletes == at_once.deletes


def test_looking_for_what_a_deleted_type_held_pauses(monkeypatch) -> None:
    monkeypatch.setattr(compaction, "SCAN_STRUCTS", 10)
    count, looked, steps = 200, [0], Structs()
    steps.take(sent(1, 0, yjs.item(yjs.shared(Shared.MAP), parent="m", key="k")))
    children = [yjs.item(yjs.values(n), parent=Id(1, 0), key=str(n)) for n in range(count)]
    steps.take(sent(2, 0, *children))
    steps.take(sent(1, 0, deletes={1: [(0, 1)]}))
    end_of = Log.end_of

    def counted(log: Log, number: int) -> int:
        looked[-1] += 1
        return end_of(log, number)

    monkeypatch.setattr(Log, "end_of", counted)
    for _ in _delete_orphans(steps._store.logs):
        looked.append(0)
    assert sum(looked) == count
    assert max(looked) == 10
    assert steps.deletes == {1: [(0, 1)], 2: [(0, count)]}


def test_copying_and_letting_go_of_long_runs_pauses(monkeypatch) -> None:
    monkeypatch.setattr(compaction, "SCAN_STRUCTS", 10)
    structs = Structs()
    structs.take(sent(1, 0, *[yjs.item(yjs.values(n), parent="m", key=str(n)) for n in range(101)]))
    chain = [yjs.item(yjs.embed("{}"), left=Id(1, clock - 1)) for clock in range(102, 202)]
    structs.take(sent(1, 101, yjs.item(yjs.text("a"), parent="t"), *chain))
    structs.take(sent(1, 0, deletes={1: [(101, 101)]}))
    copied, followed = list[int](), [0]
    copy_whole, follows = _Compaction._copy_whole, compaction._follows

    def counted_copy(copying: _Compaction, first: int, last: int) -> None:
        copied.append(last - first)
        copy_whole(copying, first, last)

    def counted_follows(*args) -> bool:
        followed[-1] += 1
        return follows(*args)

    monkeypatch.setattr(_Compaction, "_copy_whole", counted_copy)
    monkeypatch.setattr(compaction, "_follows", counted_follows)
    append_deleted = _Compaction._append_deleted
    monkeypatch.setattr(
        _Compaction, "_append_deleted", lambda *args: followed.append(0) or append_deleted(*args)
    )
    for _ in structs.compact_in_steps():
        copied.append(0)
    assert sum(copied) == 101
    assert max(copied) == 10
    assert all(0 in pair for pair in pairwise(copied)), "a pause after each"
    assert max(followed) < 10
    assert structs.encode() == compacted(structs.encode()).encode()
    assert structs.encode().endswith(sent(1, 0, deletes={1: [(101, 101)]})[1:])


def test_is_worth_its_time_when_much_was_deleted() -> None:
    structs = Structs()
    assert not structs.is_loose
    structs.take(sent(1, 0, yjs.item(yjs.text("a" * 4000), parent="t")))
    structs.take(sent(1, 0, deletes={1: [(2 * at, 1) for at in range(999)]}))
    assert not structs.is_loose
    structs.take(sent(1, 0, deletes={1: [(3000, 1), (3002, 1)]}))
    assert structs.is_loose
    structs.compact()
    assert not structs.is_loose


def test_pauses_in_a_long_text_of_which_much_was_deleted() -> None:
    """Its content is read once, not for each piece."""
    count = 4 * STEP_STRUCTS
    structs = Structs()
    structs.take(sent(1, 0, yjs.item(yjs.text("é" * 2 * count), parent="t")))
    structs.take(sent(1, 0, deletes={1: [(2 * at, 1) for at in range(count)]}))
    assert len(list(structs.compact_in_steps())) >= 4
    again = Structs()
    assert again.take(structs.encode()) is None
    assert again.vector == {1: 2 * count}
