"""Parts that lack a predecessor are held, up to limits in bytes."""

from __future__ import annotations

from protobase_live.document.held import OVERHEAD_BYTES, Held, Room
from protobase_live.protocol.yjs.structs import Rest


class Peer:
    author: str | None = None
    judge = None


ANN, BOB = Peer(), Peer()


def rest(number: int, size: int = 100, **waits: int) -> Rest:
    """A part with bytes of its own that waits for clocks of the clients 1, 2, ..."""
    return Rest(bytes([number]) * size, {int(name[1:]): clock for name, clock in waits.items()})


def test_a_part_is_ready_when_one_of_the_clocks_is_reached() -> None:
    held = Held(Room())
    held.add(ANN, rest(1, c1=5, c2=3))
    assert held.take_ready({1: 4, 2: 2}, [1, 2]) == []
    (part,) = held.take_ready({1: 4, 2: 3}, [1, 2])
    assert part.sender is ANN
    assert (len(held), held.size) == (0, 0)
    assert held.take_ready({1: 9, 2: 9}, [1, 2]) == []


def test_only_what_waits_for_who_advanced_is_looked_at() -> None:
    held = Held(Room())
    held.add(ANN, rest(1, c1=5))
    assert held.take_ready({1: 5, 2: 1}, [2]) == []
    assert len(held.take_ready({1: 5, 2: 1}, [1])) == 1


def test_what_comes_twice_is_held_once() -> None:
    held = Held(Room())
    for sender in (ANN, ANN, BOB):
        held.add(sender, rest(1, c1=5))
    assert (len(held), held.size) == (1, 100 + OVERHEAD_BYTES)


def test_at_the_limit_what_was_held_longest_is_let_go_of() -> None:
    size = 100 + OVERHEAD_BYTES
    held = Held(Room(3 * size, 2 * size))
    for number in (1, 2, 3):
        held.add(ANN, rest(number, c1=number))
    assert [part.rest.update[0] for part in held.take_ready({1: 9}, [1])] == [2, 3]
    held.add(BOB, rest(1, c1=1))
    for number in (2, 3):
        held.add(ANN, rest(number, c1=number))
    held.add(BOB, rest(4, c1=4))
    assert [part.rest.update[0] for part in held.take_ready({1: 9}, [1])] == [2, 3, 4]


def test_a_part_above_the_limit_is_not_held() -> None:
    held = Held(Room(client_bytes=1_000))
    held.add(ANN, rest(1, size=1_000, c1=1))
    assert (len(held), held.size) == (0, 0)
