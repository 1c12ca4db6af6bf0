"""What nodes say to each other over a channel."""

from __future__ import annotations

from random import Random

import pytest

from protobase_live.presence.broadcast import NODES, RENEWALS, SIGNS
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.own_words import Word
from protobase_live.presence.spoken import Alive, Ask, Still, decode_spoken
from tests.support.presence_bus import Bus
from tests.support.presence_cluster import LINK_SECONDS, ROOM, TICK

SOON = 5 * (TICK + LINK_SECONDS)
SIGN_SECONDS = PresenceLimits().peer_seconds / SIGNS


def bus_of(nodes: int, limits: PresenceLimits | None = None) -> Bus:
    return Bus(nodes, Random(1), limits)


@pytest.fixture
def bus() -> Bus:
    return bus_of(3)


def words(bus: Bus) -> list[Word]:
    """What was said of clients since the last look."""
    said, bus.said[:] = [decode_spoken(data) for _, data in bus.said], []
    return [each for each in said if isinstance(each, Word)]


async def test_who_moves_is_told_of_once_for_all_nodes(bus: Bus) -> None:
    people = [bus.enter_person(n, 0, {"at": 0}) for n in range(50)]
    there = bus.enter_person(100, 1, {})
    bus.enter_person(101, 2, {})
    await bus.clock.advance(1)
    words(bus)
    for number, person in enumerate(people):
        person.set({"at": number})
    await bus.clock.advance(SOON)
    [word] = words(bus)
    assert len(word.part.entries()) == 50
    assert there.states[49] == {"at": 49}


async def test_a_node_hears_of_collections_in_which_somebody_is(bus: Bus) -> None:
    bus.enter_person(1, 0, {})
    await bus.clock.advance(1)
    assert [sorted(end.heard) for end in bus.ends.values()] == [[NODES, ROOM], [NODES], [NODES]]
    assert [hub.count(ROOM) for hub in bus.hubs] == [1, 0, 0]
    bus.enter_person(2, 1, {})
    await bus.clock.advance(SOON)
    assert [hub.count(ROOM) for hub in bus.hubs] == [2, 2, 0]
    bus.exit_person(2)
    await bus.clock.advance(SOON)
    assert [sorted(end.heard) for end in bus.ends.values()] == [[NODES, ROOM], [NODES], [NODES]]
    assert [hub.count(ROOM) for hub in bus.hubs] == [1, 0, 0]


async def test_where_nobody_is_nothing_is_said(bus: Bus) -> None:
    bus.enter_person(1, 0, {})
    await bus.clock.advance(5)
    bus.exit_person(1)
    await bus.clock.advance(5)
    bus.said.clear()
    await bus.clock.advance(100)
    assert bus.said == []


async def test_a_lost_word_is_asked_for_when_the_next_one_comes(bus: Bus) -> None:
    one, there = bus.enter_person(1, 0, {"at": 0}), bus.enter_person(2, 1, {})
    other = bus.enter_person(3, 0, {"at": 0})
    await bus.clock.advance(1)
    bus.losses = 1.0
    one.set({"at": 1})
    await bus.clock.advance(TICK)
    bus.losses = 0.0
    other.set({"at": 2})
    await bus.clock.advance(SOON)
    assert (there.states[1], there.states[3]) == ({"at": 1}, {"at": 2})


async def test_a_last_word_that_is_lost_is_missed_soon(bus: Bus) -> None:
    one, there = bus.enter_person(1, 0, {"at": 0}), bus.enter_person(2, 1, {})
    await bus.clock.advance(1)
    bus.losses = 1.0
    one.set({"at": 1})
    await bus.clock.advance(TICK)
    bus.losses = 0.0
    await bus.clock.advance(SIGN_SECONDS + SOON)
    assert there.states[1] == {"at": 1}


async def test_of_those_who_have_left_and_whose_words_are_lost_nobody_stays(bus: Bus) -> None:
    there, _ = bus.enter_person(2, 1, {}), bus.enter_person(1, 0, {})
    bus.hubs[0].join("other", lambda payload: None)  # so that the node is there
    await bus.clock.advance(1)
    bus.losses = 1.0
    bus.exit_person(1)
    await bus.clock.advance(1)
    bus.losses = 0.0
    await bus.clock.advance(1)
    assert there.states.keys() == {1, 2}
    await bus.clock.advance(2 * RENEWALS * PresenceLimits().renew_seconds)
    assert there.states.keys() == {2}


async def test_with_a_node_go_its_people(bus: Bus) -> None:
    there, _ = bus.enter_person(2, 1, {}), bus.enter_person(1, 0, {})
    await bus.clock.advance(1)
    bus.crash(0)
    await bus.clock.advance(PresenceLimits().peer_seconds + SOON)
    assert there.states.keys() == {2}


async def test_who_was_away_asks_and_tells_again(bus: Bus) -> None:
    one, there = bus.enter_person(1, 0, {"at": 0}), bus.enter_person(2, 1, {"at": 0})
    await bus.clock.advance(1)
    bus.losses = 1.0
    one.set({"at": 1})
    there.set({"at": 1})
    await bus.clock.advance(1)
    bus.losses = 0.0
    for tell in bus.ends[0].tells:
        tell()
    await bus.clock.advance(SOON)
    assert one.states == there.states == {1: {"at": 1}, 2: {"at": 1}}


async def test_many_in_a_room_are_told_in_pieces(bus: Bus) -> None:
    limits = PresenceLimits(piece_bytes=1_000)
    bus = bus_of(2, limits)
    for client in range(200):
        bus.enter_person(client, 0, {"name": "x" * 20})
    await bus.clock.advance(2)
    words(bus)
    there = bus.enter_person(1_000, 1, {})
    await bus.clock.advance(20 * TICK)
    assert len(there.states) == 201
    told = words(bus)
    assert len(told) > 10
    assert max(len(word.part.data) for word in told) <= 1_000


async def test_of_too_many_nodes_some_are_left_out() -> None:
    bus = bus_of(4, PresenceLimits(peer_nodes=3))
    people = [bus.enter_person(node, node, {}) for node in range(4)]
    await bus.clock.advance(1)
    assert [len(person.states) for person in people] == [3, 3, 3, 3]


async def test_what_is_not_understood_is_passed_over(bus: Bus) -> None:
    there, _ = bus.enter_person(2, 1, {}), bus.enter_person(1, 0, {})
    await bus.clock.advance(1)
    for topic in (NODES, ROOM):
        for data in (b"", b"\xff", b"\x09", b"\x03\x00", b"\x00\x00"):
            bus.ends[1].hear(topic, data)
    await bus.clock.advance(1)
    assert there.states.keys() == {1, 2}


async def test_a_node_says_that_it_is_there_and_what_its_last_word_was(bus: Bus) -> None:
    bus.enter_person(1, 0, {})
    await bus.clock.advance(TICK)
    said = [decode_spoken(data) for _, data in bus.said]
    assert [type(each) for each in said] == [Alive, Ask, Word]
    bus.said.clear()
    await bus.clock.advance(SIGN_SECONDS)
    assert [type(decode_spoken(data)) for _, data in bus.said] == [Still, Alive]


async def test_who_moves_sees_at_once_who_sits_still(bus: Bus) -> None:
    """Also at a node where nobody was, which has to ask for the others when it has come."""
    for client in range(2):
        bus.enter(client, 0).set({"name": client})
    await bus.clock.advance(1)
    for node in (1, 2, 0, 0, 2, 2, 1, 0, 1):
        bus.exit(1)
        bus.enter(1, node)
        await bus.clock.advance(SOON)
        assert bus.seen() == dict.fromkeys(bus.there(), bus.there())
    bus.enter(2, 2).set({"name": 2})
    await bus.clock.advance(SOON)
    for node in (2, 1, 2, 0, 2):
        bus.exit(1)
        bus.enter(1, node)
        await bus.clock.advance(SOON)
        assert bus.seen() == dict.fromkeys(bus.there(), bus.there())
    bus.tabs[0].set({"name": "moved"})
    await bus.clock.advance(SOON)
    assert bus.seen() == dict.fromkeys(bus.there(), bus.there())
