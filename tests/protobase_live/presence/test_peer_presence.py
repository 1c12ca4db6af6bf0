import pytest

from protobase_actors import ManualClock
from protobase_live.errors import ProtocolError
from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from protobase_live.presence.node_words import NODES
from tests.support.presence_cluster import TICK

SOON = 0.5


async def two(limits: PresenceLimits | None = None, collections: int = 1):
    """A node where one connection says somebody is in each collection, and another node."""
    clock = ManualClock()
    here, there = PresenceHub(clock, TICK, limits), PresenceHub(clock, TICK, limits)
    members = [here.join(f"c{n}", lambda payload: None)[0] for n in range(collections)]
    for member in members:
        member.set(7, "x" * 100)
    told = []
    back = there.link("here", lambda payloads: link.apply(payloads))

    def tell(payloads):
        told.append(payloads)
        back.apply(payloads)

    link = here.link("there", tell)
    return clock, there, members, told, link


def shown(hub: PresenceHub, collection: str = "c0"):
    member, _ = hub.join(collection, lambda payload: None)
    states = member.states()
    member.leave()
    return states


async def test_a_new_link_is_told_everything_in_pieces():
    clock, there, _, told, _ = await two(PresenceLimits(piece_bytes=300), collections=10)
    await clock.advance(TICK)
    assert [len(payloads.keys() - {NODES}) for payloads in told] == [3]
    await clock.advance(SOON)
    assert all(len(payloads) <= 4 for payloads in told)
    assert all(shown(there, f"c{n}") == {7: "x" * 100} for n in range(10))


async def test_who_joins_sees_at_once_whom_another_node_told_of():
    clock, there, _, _, _ = await two()
    await clock.advance(SOON)
    heard = []
    member, _ = there.join("c0", heard.append)
    assert member.states() == {7: "x" * 100}
    await clock.advance(SOON)
    assert heard == [], "nobody is told twice"


async def test_a_tick_tells_once_of_all_that_changed():
    clock, there, members, told, _ = await two(collections=3)
    await clock.advance(SOON)
    told.clear()
    for round in range(3):
        for member in members:
            member.set(7, round)
    await clock.advance(SOON)
    assert [payloads.keys() for payloads in told] == [{"c0", "c1", "c2"}]
    assert shown(there) == {7: 2}


async def test_ticks_are_limited():
    clock, _, members, told, _ = await two(PresenceLimits(tick_clients=2), collections=3)
    await clock.advance(SOON)
    told.clear()
    for member in members:
        member.set(7, "new")
    await clock.advance(SOON)
    assert [payloads.keys() for payloads in told] == [{"c0", "c1"}, {"c2"}]


async def test_a_peer_that_is_behind_is_told_the_whole_later():
    clock, there, members, told, link = await two(collections=2)
    await clock.advance(SOON)
    link.hold()
    told.clear()
    members[0].set(7, "new")
    members[0].set(8, "there")
    members[1].leave()
    await clock.advance(SOON)
    assert told == []
    link.resume()
    await clock.advance(SOON)
    assert (len(told), shown(there), shown(there, "c1")) == (1, {7: "new", 8: "there"}, {})


async def test_the_last_of_a_collection_is_seen_to_leave():
    clock, there, members, _, _ = await two()
    await clock.advance(SOON)
    members[0].leave()
    await clock.advance(SOON)
    assert shown(there) == {}


async def test_the_limits_of_a_connection_are_not_those_of_a_node():
    limits = PresenceLimits(clients=3, clients_per_member=1)
    clock, there, _, _, _ = await two(limits)
    for client in (8, 9):
        there.join("c0", lambda payload: None)[0].set(client, {})
    await clock.advance(SOON)
    assert shown(there).keys() == {7, 8, 9}


async def test_a_nodes_clients_count_in_a_collection():
    clock, there, members, _, _ = await two(PresenceLimits(clients=1))
    keeper, _ = there.join("c0", lambda payload: None)
    keeper.set(8, {})
    await clock.advance(SOON)
    assert (keeper.states().keys(), members[0].states().keys()) == ({8}, {7})
    keeper.set(8, None)
    members[0].set(7, "new")
    await clock.advance(SOON)
    assert keeper.states() == {7: "new"}


async def test_what_is_malformed_names_the_node():
    _, _, _, _, link = await two()
    with pytest.raises(ProtocolError, match="presence of node there: "):
        link.apply({"c0": b"\xff"})
    link.end()
    link.end()
    link.apply({"c0": b"\xff"})


async def test_words_of_nodes_that_nobody_knows_are_left_out():
    clock, _, _, told, _ = await two()
    await clock.advance(SOON)
    words = {name: payload for payloads in told for name, payload in payloads.items()}
    stranger = PresenceHub(clock, TICK)
    link = stranger.link("here", lambda payloads: None)
    link.apply({"c0": words["c0"]})
    assert shown(stranger) == {}
    link.apply(words)
    assert shown(stranger) == {7: "x" * 100}
