"""Loading a document in steps, between which others are served."""

from __future__ import annotations

import itertools
from itertools import count
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text

from protobase_live.document import content
from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.protocol.yjs import ranges, update_walker
from protobase_live.protocol.yjs.ranges import STEP_RANGES, Ranges
from protobase_live.protocol.yjs.structs import Structs, merge, slicing
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.update_reader import RUN, STEP_BYTES, Reader
from protobase_live.protocol.yjs.update_walker import STEP_STRUCTS
from protobase_live.structures.raw import observe_updates
from tests.support import yjs_encoding as yjs
from tests.support.turns import PEER, carry_out, received, written_by
from tests.support.yjs_encoding import sent

LONGEST_STEP = 1_000
"""Structs that may be read, taken and applied without a pause."""


def pushes(count: int, client: int = 5) -> list[bytes]:
    """The updates of an editor that inserts numbers at the top of an array, one by one."""
    updates: list[bytes] = []
    doc: Doc = Doc(client_id=client)
    numbers = doc.get("numbers", type=Array)
    watch = doc.observe(lambda event: updates.append(event.update))
    for number in range(count):
        numbers.insert(0, number)
    watch.drop()
    return updates


def test_a_log_of_small_updates_is_loaded_in_small_steps(made, monkeypatch) -> None:
    log, document, taken, steps = pushes(4 * LONGEST_STEP), made(), count(), [0]
    take = Structs.take

    def counted(*args: Any, **options: Any) -> Any:
        next(taken)
        return take(*args, **options)

    monkeypatch.setattr(Structs, "take", counted)
    for _ in document.load(log):
        steps.append(next(taken))
    assert steps[-1] >= len(log)
    assert max(after - before for before, after in itertools.pairwise(steps)) <= LONGEST_STEP


def test_a_log_is_told_in_the_order_in_which_it_was_stored(made, monkeypatch) -> None:
    """To put it in order takes longer than to tell it."""
    monkeypatch.setattr(slicing, "Ordering", None)
    editors = [Doc(client_id=client) for client in (3, 1, 2)]
    log = list[bytes]()
    for number in range(3_000):
        editor = editors[number % 3]
        before = editor.get_state()
        editor.get("text", type=Text).insert(number // 2, "x" * 30)
        log.append(editor.get_update(before))
        for other in editors:
            other.apply_update(log[-1])
    document = made(*log)
    assert document.read(Read(Target("text", ("text",)), "value")) == "x" * 90_000


def test_many_deletions_are_taken_in_small_steps(made, monkeypatch) -> None:
    """Every client that comes back tells all that it knows to be deleted."""
    numbers = pushes(8 * STEP_STRUCTS)
    clocks = range(0, 8 * STEP_STRUCTS, 2)
    deletions = sent(5, 0, deletes={5: [(clock, 1) for clock in clocks]})
    document, taken = made(*numbers), [0]
    merge = Ranges.merge

    def counted(own, others):
        taken[-1] += len(others)
        return merge(own, others)

    monkeypatch.setattr(Ranges, "merge", counted)
    for _ in document.take_in_steps(deletions, PEER):
        taken.append(0)
    assert sum(taken) == 4 * STEP_STRUCTS, "once; what is new is put in order when it is told"
    assert max(taken) <= 3 * LONGEST_STEP


@pytest.mark.parametrize("known", [True, False])
def test_many_deletions_are_told_and_held_in_small_steps(made, monkeypatch, known: bool) -> None:
    """Of what is here, the turn comes to an update; of what is not, what waits is one."""
    count = 2 * STEP_RANGES
    text = sent(5, 0, yjs.item(yjs.text("ab" * count), parent="body"))
    document = made(*[text] if known else [])
    encoded, encode = [0], ranges.varuints

    def counted(numbers):
        numbers = list(numbers)
        encoded[-1] += len(numbers) // 2
        return encode(numbers)

    monkeypatch.setattr(ranges, "varuints", counted)
    deletions = sent(5, 0, deletes={5: [(2 * number, 1) for number in range(count)]})
    for steps in (document.take_in_steps(deletions, PEER), document.finish_in_steps()):
        for _ in steps:
            encoded.append(0)
        encoded.append(0)
    assert sum(encoded) == count
    assert max(encoded) <= STEP_RANGES


def test_what_a_log_lacks_and_would_be_refused_counts_as_deleted(made) -> None:
    """As what fits does: a fold joins parts that wait, and one of them must not take the others with it."""
    impossible = yjs.Block(3, 0, [yjs.item(yjs.text("x"), parent=yjs.Id(5, 0))])
    good = yjs.Block(4, 0, [yjs.item(yjs.text("b"), left=yjs.Id(5, 0))])
    document = made(yjs.update([impossible, good]))
    received(document, sent(5, 0, yjs.item(yjs.text("a"), parent="body")))
    assert document.read(Read(Target("text", ("body",)), "value")) == "ab"
    assert dict(document.vector) == {3: 1, 4: 1, 5: 1}


def test_a_snapshot_is_read_in_small_steps(made, monkeypatch) -> None:
    """It is one update, and read whole before anything of it is taken."""
    snapshot = merge(pushes(8 * STEP_STRUCTS))
    read = [0]
    read_common = update_walker.read_common

    def counted(*args):
        structs, end = read_common(*args)
        read[-1] += len(structs)
        return structs, end

    monkeypatch.setattr(update_walker, "read_common", counted)
    document = made()
    for _ in document.load([snapshot]):
        read.append(0)
    assert sum(read) >= 8 * STEP_STRUCTS
    assert max(read) <= LONGEST_STEP


@pytest.mark.parametrize(
    "content",
    [
        yjs.values(*[None] * 200_000),
        yjs.values([None] * 200_000),
        yjs.values([{"a": n} for n in range(50_000)]),
        yjs.document("guid", {str(n): n for n in range(50_000)}),
    ],
)
def test_long_values_of_one_struct_are_read_in_small_steps(made, monkeypatch, content) -> None:
    read: list[int] = []
    walk = Reader.read_values

    def read_values(walker, until: int) -> None:
        before = walker.pos
        walk(walker, until)
        read[-1] += walker.pos - before

    monkeypatch.setattr(Reader, "read_values", read_values)
    document, read = made(), [0]
    for _ in document.take_in_steps(yjs.sent(5, 0, yjs.item(content, parent="l")), PEER):
        read.append(0)
    assert sum(read) >= len(content.body) - 20
    assert max(read) <= STEP_BYTES + RUN * 9


def test_a_struct_of_long_values_is_read_once(made, monkeypatch) -> None:
    """Neither loading nor sending a part of what is behind it reads the values again."""
    document = made(yjs.sent(5, 0, yjs.item(yjs.values([None] * 10_000), parent="l")), *pushes(1, client=6))
    monkeypatch.setattr(Reader, "read_values", None)
    state: dict[int, int] = {}
    complete = False
    while not complete:
        _, state, complete = document.slice(state, 100)
    assert state == {5: 1, 6: 1}


def test_what_transactions_wrote_is_taken_in_small_steps(made, monkeypatch) -> None:
    document = made()
    with document.writing():
        document.write([Op(RECORDS, "insert", (f"r{n}", {"n": n}, {})) for n in range(4 * STEP_STRUCTS)])
    taken = [0]
    append = Log.append_unjoined

    def counted(log, *args) -> None:
        taken[-1] += 1
        append(log, *args)

    monkeypatch.setattr(Log, "append_unjoined", counted)
    for _ in document.finish_in_steps():
        taken.append(0)
    assert sum(taken) == 8 * STEP_STRUCTS
    assert max(taken) <= LONGEST_STEP
    assert len(made(document.encode()).records) == 4 * STEP_STRUCTS


def test_a_large_transaction_is_carried_out_in_small_steps(made) -> None:
    document = made()
    ops = [Op(RECORDS, "insert", (f"r{n}", {"n": n}, {})) for n in range(4 * LONGEST_STEP)]
    assert len(list(document.rehearse_in_steps(ops))) == len(ops) // 250
    rows = [0]
    with document.writing():
        for _ in document.write_in_steps(document.rehearse(ops)):
            rows.append(len(document.records))
    rows.append(len(document.records))
    assert rows[-1] == len(ops)
    assert max(after - before for before, after in itertools.pairwise(rows)) <= 100


@pytest.mark.parametrize("values", [STEP_STRUCTS - 1, STEP_STRUCTS, STEP_STRUCTS + 100])
def test_what_comes_behind_many_values_under_one_key_is_shown(made, values: int) -> None:
    """An earlier version stored such structs; they are taken as so many structs, with pauses."""
    items = [
        yjs.item(yjs.values(*[None] * values), parent="m", key="k"),
        *(yjs.item(yjs.text("hello"), parent=f"t{number}") for number in range(2_000)),
    ]
    document = made()
    for _ in document.load([yjs.sent(1, 0, *items)]):
        pass
    for name in ("t0", "t1999"):
        assert document.read(Read(Target("text", (name,)), "value")) == "hello"


def test_transactions_are_observed_only_while_one_is_written_here(made, monkeypatch) -> None:
    """pycrdt makes an event with the whole update of each, also of each slice of what is loaded."""
    observed: list[Any] = []
    monkeypatch.setattr(
        content, "observe_updates", lambda *args: observed.append(args) or observe_updates(*args)
    )
    document = made(written_by(lambda doc: doc.get("records", type=Map).update({"r": Map({"n": 1})})))
    received(document, written_by(lambda doc: doc.get("notes", type=Text).insert(0, "x")))
    assert observed == []
    carry_out(document, Op(RECORDS, "update", ("r", {"n": 2}, {})))
    assert len(observed) == 1
