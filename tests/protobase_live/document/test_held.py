"""What is held of updates that lack something: how much, of whom, and until when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.document.held import HELD_BYTES, HELD_BYTES_PER_SENDER, OVERHEAD_BYTES, Held
from protobase_live.protocol.structs import Rest

COST = OVERHEAD_BYTES + 10
"""What a part of ten bytes costs."""


class Sender:
    author: str | None = None


def rest(number: int, **waits: int) -> Rest:
    """A part of ten bytes that waits for clocks of clients named c1, c2 and so on."""
    return Rest(b"%010d" % number, {int(client[1:]): clock for client, clock in waits.items()} or {1: 1})


def numbers(held: Held) -> list[int]:
    """What is held, in order; it is taken out."""
    return [int(part.rest.update) for part in held.take_ready({1: 1})]


def test_a_part_is_ready_when_one_of_its_clocks_is_reached() -> None:
    held, sender = Held(), Sender()
    held.add(sender, rest(1, c1=5, c2=3))
    held.add(sender, rest(2, c1=6))
    assert held.take_ready({}) == []
    assert held.take_ready({1: 4, 2: 2, 3: 100}) == []
    assert [part.rest.update for part in held.take_ready({1: 5})] == [rest(1).update]
    assert len(held) == 1
    assert [part.sender for part in held.take_ready({1: 9})] == [sender]
    assert (len(held), held.size) == (0, 0)


def test_what_is_held_already_is_held_once() -> None:
    held, sender = Held(), Sender()
    held.add(sender, rest(1))
    held.add(sender, rest(1))
    held.add(Sender(), rest(1))
    assert (len(held), held.size) == (1, COST)


def test_what_was_held_longest_of_a_sender_makes_room_for_what_it_sends() -> None:
    held, sender, other = Held(limit_per_sender=3 * COST), Sender(), Sender()
    held.add(other, rest(0))
    for number in range(1, 6):
        held.add(sender, rest(number))
    assert held.size == 4 * COST
    assert numbers(held) == [0, 3, 4, 5]


def test_what_was_held_longest_of_all_makes_room() -> None:
    held = Held(limit=3 * COST)
    for number in range(5):
        held.add(Sender(), rest(number))
    assert held.size == 3 * COST
    assert numbers(held) == [2, 3, 4]


@pytest.mark.parametrize("limits", [(COST - 1, 10 * COST), (10 * COST, COST - 1)])
def test_what_is_larger_than_a_limit_is_not_held_and_drops_nothing(limits: tuple[int, int]) -> None:
    held = Held(*limits)
    small = Rest(b"", {1: 1})
    held.add(Sender(), small)
    held.add(Sender(), rest(1))
    assert [part.rest for part in held.take_ready({1: 1})] == [small]


def test_the_limits_of_a_collection() -> None:
    held, senders = Held(), [Sender() for _ in range(6)]
    for number, sender in enumerate(senders):
        for each in range(12):
            held.add(sender, Rest(b"%d %d " % (number, each) + b"x" * 100_000, {1: 1}))
    assert 0 < HELD_BYTES - held.size < 101_000
    of = {id(sender): 0 for sender in senders}
    for part in held.take_ready({1: 1}):
        of[id(part.sender)] += part.size
    assert all(size <= HELD_BYTES_PER_SENDER for size in of.values())


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 300), st.integers(1, 4)), max_size=40
    )
)
def test_never_more_than_the_limits(parts: list[tuple[int, int, int, int]]) -> None:
    limit, of_one = 1500, 700
    held, senders = Held(limit, of_one), [Sender() for _ in range(3)]
    for sender, number, size, clock in parts:
        held.add(senders[sender], Rest(b"%d" % number + b"x" * size, {1: clock}))
        assert held.size <= limit
        if clock == 4:
            held.take_ready({1: 2})
    left = held.take_ready({1: 4})
    for sender in senders:
        assert sum(part.size for part in left if part.sender is sender) <= of_one
    assert (len(held), held.size) == (0, 0)
