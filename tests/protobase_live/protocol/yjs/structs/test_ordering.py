"""Structs in causal order, whatever order they come in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.yjs.struct import SKIP, Id, Struct
from protobase_live.protocol.yjs.structs.ordering import RUN_STRUCTS, Ordering

Queues = Mapping[int, Sequence[Struct]]


def struct(
    clock: int, length: int = 1, *, origin: Id | None = None, right: Id | None = None, parent=None
) -> Struct:
    return Struct(clock, length, 4, origin, right, parent, None, 0, 0, 0)


def skip(clock: int, length: int = 1) -> Struct:
    return Struct(clock, length, SKIP, None, None, None, None, 0, 0, 0)


def gone_through(queues: Queues, known: dict[int, int]) -> tuple[list[Id], Ordering]:
    """The order, and the ordering as it then is; `known` is kept up."""
    ordering = Ordering({client: iter(structs) for client, structs in queues.items()}, known)
    order: list[Id] = []
    for client, run in ordering:
        order += [(client, each.clock) for each in run]
        known[client] = run[-1].clock + run[-1].length
    return order, ordering


def test_what_is_built_on_comes_first() -> None:
    queues = {1: [struct(0, origin=(2, 1))], 2: [struct(0), struct(1, parent=(3, 0))], 3: [struct(0)]}
    order, ordering = gone_through(queues, {})
    assert order == [(2, 0), (3, 0), (2, 1), (1, 0)]
    assert ordering.heads == {}
    assert ordering.waits == {}


def test_two_clients_that_build_on_each_other_by_turns() -> None:
    queues = {
        1: [struct(0), struct(1, origin=(2, 0)), struct(2, right=(2, 1))],
        2: [struct(0, origin=(1, 0)), struct(1, origin=(1, 1))],
    }
    order, ordering = gone_through(queues, {})
    assert sorted(order) == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]
    assert ordering.heads == {}


def test_what_lacks_something_stays_behind_and_says_what() -> None:
    queues = {1: [struct(0), struct(1, origin=(9, 4))], 2: [struct(3)], 3: [struct(0, parent=(1, 1))]}
    order, ordering = gone_through(queues, {2: 1})
    assert order == [(1, 0)]
    assert {client: head.clock for client, head in ordering.heads.items()} == {1: 1, 2: 3, 3: 0}
    assert ordering.waits == {9: 5, 2: 3, 1: 2}


def test_those_that_wait_for_each_other_stay_behind() -> None:
    """No Yjs client writes that; it must end."""
    queues = {1: [struct(0, origin=(2, 0))], 2: [struct(0, origin=(3, 0))], 3: [struct(0, origin=(1, 0))]}
    order, ordering = gone_through(queues, {})
    assert order == []
    assert ordering.waits == {1: 1, 2: 1, 3: 1}


def test_the_least_clock_is_waited_for() -> None:
    queues = {1: [struct(0, origin=(9, 8))], 2: [struct(0, origin=(9, 2))]}
    _, ordering = gone_through(queues, {})
    assert ordering.waits == {9: 3}


def test_what_is_known_is_passed_over() -> None:
    queues = {1: [struct(0, 4, origin=(9, 4)), struct(4, 4), struct(8, 1)]}
    order, _ = gone_through(queues, {1: 6})
    assert order == [(1, 4), (1, 8)]


def test_a_hole_has_to_be_filled_whole() -> None:
    queues = {1: [struct(0), skip(1, 4), struct(5)]}
    order, ordering = gone_through(queues, {1: 1})
    assert order == []
    assert ordering.waits == {1: 5}
    assert gone_through(queues, {1: 4})[1].heads == {1: skip(1, 4)}
    assert gone_through(queues, {1: 5})[0] == [(1, 5)]


def naive(queues: Queues, known: dict[int, int]) -> set[Id]:
    """What fits, found by trying everything again until nothing more does."""
    found, left, progress = set[Id](), {client: list(structs) for client, structs in queues.items()}, True
    while progress:
        progress = False
        for client, structs in left.items():
            while structs and fits(client, structs[0], known):
                first = structs.pop(0)
                progress = True
                if first.clock + first.length > known.get(client, 0):
                    found.add((client, first.clock))
                    known[client] = first.clock + first.length
    return found


def fits(client: int, struct: Struct, known: Mapping[int, int]) -> bool:
    if struct.clock + struct.length <= known.get(client, 0):
        return True
    needs = [each for each in (struct.origin, struct.right, struct.parent) if isinstance(each, tuple)]
    return (
        struct.info != SKIP
        and struct.clock <= known.get(client, 0)
        and all(clock < known.get(other, 0) for other, clock in needs)
    )


ids = st.none() | st.tuples(st.integers(1, 4), st.integers(0, 6))


@st.composite
def queues(draw) -> dict[int, list[Struct]]:
    made: dict[int, list[Struct]] = {}
    for client in draw(st.permutations((1, 2, 3, 4))):
        clock = draw(st.sampled_from((0, 0, 0, 1, 3)))
        made[client] = []
        for _ in range(draw(st.integers(0, 5))):
            length = draw(st.sampled_from((1, 1, 2)))
            needs = [draw(ids) for _ in range(2)]
            needs = [None if each and each[0] == client and each[1] >= clock else each for each in needs]
            one = struct(clock, length, origin=needs[0], right=needs[1])
            made[client].append(skip(clock, length) if draw(st.integers(0, 9)) == 0 else one)
            clock += length
    return {client: structs for client, structs in made.items() if structs}


@given(queues(), st.dictionaries(st.integers(1, 4), st.integers(0, 4)))
def test_all_that_can_come_comes(made: dict[int, list[Struct]], known: dict[int, int]) -> None:
    expected = naive(made, dict(known))
    order, ordering = gone_through(made, known)
    assert set(order) == expected
    assert len(order) == len(expected)
    for client, clock in ordering.waits.items():
        assert known.get(client, 0) < clock, "it waits for something that is there"
    assert bool(ordering.waits) == bool(ordering.heads)


class Counted(dict[int, int]):
    """Counts how often somebody looks at it."""

    looks = 0

    def get(self, client: int, default=None):
        self.looks += 1
        return super().get(client, default)


def test_a_chain_of_those_that_wait_is_gone_through_once() -> None:
    count = 2_000
    queues = {client: iter([struct(0, origin=(client + 1, 0))]) for client in range(count)}
    known = Counted()
    runs = [run for _, run in Ordering(queues, known)]
    assert known.looks < 20 * count
    assert not any(runs)
    assert len(runs) >= count // RUN_STRUCTS, "it pauses"
