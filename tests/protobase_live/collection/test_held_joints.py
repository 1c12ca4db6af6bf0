"""Parts of transactions are held as a whole, within a bound, and found by what they wait for."""

from __future__ import annotations

from protobase_live.collection.held_commits import OVERHEAD_BYTES
from protobase_live.collection.held_joints import HeldJoints, Parts
from protobase_storage import Commit, Joint

ONE, OTHER = Joint("n/t:1", ("a", "b")), Joint("n/t:2", ("a", "b"))


def parts(joint: Joint, sequence: int, *collections: str) -> Parts:
    return {name: Commit("n/t", sequence, name, b"x", (), 0.0, {}, joint) for name in collections}


def test_parts_that_come_one_by_one_are_held_together() -> None:
    held = HeldJoints(10_000)
    held.add(ONE, parts(ONE, 1, "a"))
    held.add(ONE, parts(ONE, 1, "b"))
    held.add(OTHER, parts(OTHER, 2, "a"))
    assert (held.count("a"), held.count("b"), held.count("c")) == (2, 1, 0)
    assert held.take(ONE) == parts(ONE, 1, "a", "b")
    assert held.take(ONE) == {}
    assert (held.count("a"), held.count("b")) == (1, 0)


def test_a_transaction_is_due_when_its_node_has_made_nothing_before_that_lacks() -> None:
    held = HeldJoints(10_000)
    held.add(ONE, parts(ONE, 1, "a", "b"))
    held.add(OTHER, parts(OTHER, 2, "a"))
    assert held.due("a", {}) == [ONE]
    assert held.due("a", {"n/t": 1}) == [ONE, OTHER]
    assert held.due("b", {"m/t": 7}) == [ONE]
    assert held.due("c", {}) == []


def test_what_is_too_much_is_let_go_of_as_a_whole() -> None:
    held = HeldJoints(3 * (OVERHEAD_BYTES + 1))
    held.add(ONE, parts(ONE, 1, "a", "b"))
    held.add(OTHER, parts(OTHER, 2, "a", "b"))
    assert (held.take(OTHER), held.count("a")) == ({}, 1)
    held.add(ONE, parts(ONE, 1, "a", "b"))
    held.take(ONE)
    held.add(OTHER, parts(OTHER, 2, "a", "b"))
    assert held.take(OTHER) == parts(OTHER, 2, "a", "b")
