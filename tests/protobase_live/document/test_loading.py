"""Loading a document in steps, between which others are served."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from pycrdt import Array, Doc

from protobase_live.protocol import update_walker
from protobase_live.protocol.structs import merge
from protobase_live.protocol.structs.logs import Logs
from protobase_live.protocol.structs.ranges import Ranges
from protobase_live.protocol.structs.writing import encode_update
from protobase_live.protocol.update_walker import STEP_STRUCTS
from tests.support.turns import PEER

LONGEST_STEP = 1_000
"""Structs that may be read, taken and applied without a pause."""


class Counted(Sequence[bytes]):
    """Updates that count how many of them were taken."""

    def __init__(self, updates: Sequence[bytes]) -> None:
        self.updates = updates
        self.taken = 0

    def __len__(self) -> int:
        return len(self.updates)

    def __getitem__(self, index):
        return self.updates[index]

    def __iter__(self) -> Iterator[bytes]:
        for update in self.updates:
            self.taken += 1
            yield update


def pushes(count: int) -> list[bytes]:
    """The updates of an editor that inserts numbers at the top of an array, one by one."""
    updates: list[bytes] = []
    doc: Doc = Doc(client_id=5)
    numbers = doc.get("numbers", type=Array)
    watch = doc.observe(lambda event: updates.append(event.update))
    for number in range(count):
        numbers.insert(0, number)
    watch.drop()
    return updates


def test_a_log_of_small_updates_is_loaded_in_small_steps(made) -> None:
    log = Counted(pushes(4 * LONGEST_STEP))
    document = made()
    steps = [0]
    for _ in document.load(log):
        steps.append(log.taken)
    assert max(after - before for before, after in itertools.pairwise(steps)) <= LONGEST_STEP


def test_many_deletions_are_taken_in_small_steps(made, monkeypatch) -> None:
    """Every client that comes back tells all that it knows to be deleted."""
    numbers = pushes(8 * STEP_STRUCTS)
    deletions = encode_update([], {5: ranges_of(range(0, 8 * STEP_STRUCTS, 2))})
    document, taken = made(*numbers), [0]
    delete = Logs.delete

    def counted(logs, *args):
        taken[-1] += 1
        return delete(logs, *args)

    monkeypatch.setattr(Logs, "delete", counted)
    for _ in document.take_in_steps(deletions, PEER):
        taken.append(0)
    assert sum(taken) == 4 * STEP_STRUCTS
    assert max(taken) <= LONGEST_STEP


def ranges_of(clocks: Iterable[int]) -> Ranges:
    ranges = Ranges()
    for clock in clocks:
        ranges.add(clock, clock + 1)
    return ranges


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
