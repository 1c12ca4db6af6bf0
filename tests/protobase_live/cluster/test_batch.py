"""What goes into one message: the order of each log is kept, and the parts of a transaction stay together."""

from __future__ import annotations

from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.cluster.batch import Batch, Batching, Line, cut_off, missing_parts
from protobase_live.cluster.recent import Packed
from protobase_storage import Commit, Joint

NAMES = ("a", "b", "c")
STEPS = st.lists(st.sets(st.sampled_from(NAMES), min_size=1), max_size=12)
"""Which collections each transaction writes, in order."""


def logs_of(steps: list[set[str]]) -> dict[str, list[Packed]]:
    """The logs that transactions leave."""
    logs: dict[str, list[Packed]] = {name: [] for name in NAMES}
    for number, names in enumerate(steps):
        joint = Joint(f"j{number}", tuple(sorted(names))) if len(names) > 1 else None
        for name in names:
            place = "n/t", len(logs[name]) + 1, name
            logs[name].append(Packed(Commit(*place, b"update", (), float(number), {}, joint)))
    return logs


def batches(lines: dict[str, Line], most_commits: int) -> list[Batch]:
    """All that is taken until nothing is left."""
    found: list[Batch] = []
    while (batch := Batching(lines, most_commits, 10**6).run_at_least_one()).commits:
        found.append(batch)
    assert not any(line.waiting for line in lines.values())
    return found


def joints(batch: Batch) -> Counter[Joint]:
    """How many parts of each transaction are in a batch."""
    every = [kept.commit.joint for each in batch.taken.values() for kept in each]
    return Counter(joint for joint in every if joint is not None)


@given(STEPS, st.integers(1, 5))
def test_each_log_keeps_its_order_and_no_transaction_is_torn(steps: list[set[str]], most: int) -> None:
    logs = logs_of(steps)
    found = batches({name: Line(deque(log), whole=True) for name, log in logs.items()}, most)
    for name, log in logs.items():
        assert [kept for batch in found for kept in batch.taken.get(name, [])] == log
    for batch in found:
        assert all(count == len(joint.collections) for joint, count in joints(batch).items())
        whole = list(joints(batch))
        assert batch.commits < most + max([len(joint.collections) for joint in whole], default=1)


@given(STEPS)
def test_what_the_other_node_has_of_a_transaction_is_not_waited_for(steps: list[set[str]]) -> None:
    logs = logs_of(steps)
    found = batches({"a": Line(deque(logs["a"]), whole=True)}, 100)
    assert [kept for batch in found for kept in batch.taken.get("a", [])] == logs["a"]


def test_a_part_that_may_come_in_the_next_page_is_waited_for() -> None:
    logs = logs_of([{"a", "b"}])
    lines = {"a": Line(deque(logs["a"]), whole=True), "b": Line(deque(), whole=False)}
    lines["b"].waiting.append(Packed(Commit("n/t", 9, "b", b"", (), 0.0)))
    assert set(Batching(lines, 100, 10**6).run().taken) == {"b"}


def test_parts_that_stand_in_another_order_elsewhere_are_sent_nevertheless() -> None:
    """Where a part came alone, the logs of a node do not agree on the order."""
    logs = logs_of([{"a", "b"}, {"a", "b"}])
    logs["b"].reverse()
    found = batches({name: Line(deque(logs[name]), whole=True) for name in ("a", "b")}, 100)
    assert sum(batch.commits for batch in found) == 4


def test_a_batch_ends_with_the_commit_that_fills_it() -> None:
    logs = logs_of([{"a"}] * 5)
    size = len(logs["a"][0].form)
    line = Line(deque(logs["a"]), whole=True)
    assert Batching({"a": line}, 100, 2 * size).run().commits == 2


def test_what_lacks_a_part_is_cut_off_with_what_follows() -> None:
    logs = logs_of([{"a"}, {"a", "b"}, {"b", "c"}, {"a"}, {"c"}])
    late = logs["b"][0].commit.joint
    assert late is not None
    lines = {name: Line(deque(log), whole=True) for name, log in logs.items()}
    del lines["b"].waiting[0]
    assert missing_parts(lines) == {("b", late)}
    cut_off(lines, {late})
    assert missing_parts(lines) == set()
    assert [len(lines[name].waiting) for name in NAMES] == [1, 1, 2]
    assert [lines[name].whole for name in NAMES] == [False, True, True]
    (batch,) = batches(lines, 10)
    assert batch.commits == 4


def test_a_part_in_the_next_page_is_not_missing() -> None:
    logs = logs_of([{"a", "b"}])
    lines = {"a": Line(deque(logs["a"]), whole=True), "b": Line(deque(), whole=False)}
    assert missing_parts(lines) == set()
