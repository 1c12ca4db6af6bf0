"""Presence of several nodes, as those see it who are there."""

import pytest

from protobase_live.presence.hub import PresenceHub
from protobase_live.presence.limits import PresenceLimits
from tests.support.presence_cluster import ROOM, TICK, Cluster

SECONDS = PresenceLimits().peer_seconds
SOON = 0.5


async def chain(nodes: int) -> Cluster:
    """Nodes in a row, with one client at each; the client's id is the node's number."""
    cluster = Cluster(nodes)
    for node in range(nodes):
        cluster.enter(node, node).set({"name": node})
    for node in range(1, nodes):
        cluster.connect(node - 1, node)
    await cluster.clock.advance(SOON)
    check(cluster)
    return cluster


def check(cluster: Cluster) -> None:
    everybody = cluster.there()
    for node in range(len(cluster.hubs)):
        assert cluster.shown(node) == everybody
    assert cluster.seen() == dict.fromkeys(everybody, everybody)


async def test_all_see_each_other_behind_other_nodes_too():
    cluster = await chain(3)
    cluster.tabs[0].set({"name": "moved"})
    cluster.exit(2)
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_every_node_can_tell_how_many_there_are():
    """Also one where nobody is."""
    cluster = await chain(3)
    assert [hub.count(ROOM) for hub in cluster.hubs] == [3, 3, 3]
    cluster.exit(2)
    await cluster.clock.advance(SOON)
    assert [hub.count(ROOM) for hub in cluster.hubs] == [2, 2, 2]
    assert [hub.count("another room") for hub in cluster.hubs] == [0, 0, 0]


async def test_who_is_behind_a_cut_is_gone_after_a_time_and_back_without_a_word():
    cluster = await chain(3)
    cluster.cut(0, 1)
    await cluster.clock.advance(SECONDS - 0.1)
    assert cluster.shown(0).keys() == {0, 1, 2}, "a link that is back soon makes nobody flicker"
    await cluster.clock.advance(SOON)
    assert [cluster.shown(node).keys() for node in range(3)] == [{0}, {1, 2}, {1, 2}]
    assert [tab.states.keys() for tab in cluster.tabs.values()] == [{0}, {1, 2}, {1, 2}]
    cluster.connect(0, 1)
    await cluster.clock.advance(SOON)
    check(cluster)
    for client, tab in cluster.tabs.items():
        tab.set({"name": f"{client} again"})
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_a_ring_does_without_one_of_its_links():
    cluster = await chain(3)
    cluster.connect(0, 2)
    await cluster.clock.advance(SOON)
    cluster.cut(0, 1)
    await cluster.clock.advance(2 * SECONDS)
    check(cluster)


async def test_nobody_keeps_alive_in_a_ring_who_is_gone():
    """Each of the others would hear of it from the next."""
    cluster = await chain(4)
    cluster.connect(1, 3)
    await cluster.clock.advance(SOON)
    cluster.cut(0, 1)
    cluster.exit(0)
    await cluster.clock.advance(SECONDS + SOON)
    for node in (1, 2, 3):
        assert cluster.shown(node).keys() == {1, 2, 3}


async def test_a_ring_is_quiet_when_nothing_happens():
    cluster = await chain(4)
    cluster.connect(1, 3)
    cluster.tabs[0].set({"name": "moved"})
    await cluster.clock.advance(SOON)
    for cable in cluster.cables.values():
        cable.sent.clear()
    await cluster.clock.advance(1)
    assert [cable.sent for cable in cluster.cables.values()] == [[], [], [], []]


async def test_what_a_node_said_does_not_come_back_to_it():
    cluster = await chain(2)
    (cable,) = cluster.cables.values()
    cable.sent.clear()
    cluster.tabs[0].set({"name": "moved"})
    await cluster.clock.advance(SOON)
    assert len(cable.sent) == 1


@pytest.mark.parametrize("noticed", [0, 0.03, 1])
async def test_who_moves_stays(noticed: float):
    cluster = await chain(3)
    cluster.exit(0, noticed)
    cluster.enter(0, 1)
    await cluster.clock.advance(noticed + SOON)
    check(cluster)


async def test_who_moves_from_a_node_that_died():
    cluster = await chain(3)
    cluster.crash(2)
    cluster.enter(2, 0)
    await cluster.clock.advance(SOON)
    assert cluster.seen() == dict.fromkeys(cluster.there(), cluster.there())
    await cluster.clock.advance(SECONDS)
    assert [cluster.shown(node) for node in range(2)] == [cluster.there()] * 2


async def test_a_node_that_is_back_at_once_has_lost_its_people():
    cluster = await chain(2)
    cluster.crash(0)
    cluster.connect(0, 1)
    await cluster.clock.advance(SECONDS + SOON)
    check(cluster)
    assert cluster.shown(0).keys() == {1}


async def test_who_has_forgotten_a_node_is_told_again():
    cluster = await chain(2)
    cluster.hubs.append(PresenceHub(cluster.clock, TICK, PresenceLimits(peer_seconds=0.5)))
    cluster.connect(1, 2)
    await cluster.clock.advance(SOON)
    cluster.cut(0, 1)
    await cluster.clock.advance(1)
    assert [cluster.shown(node).keys() for node in (1, 2)] == [{0, 1}, {1}]
    cluster.connect(0, 1)
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_who_was_told_clocks_that_nobody_counted_sees_the_others_elsewhere():
    """Each time that client 0 is back, node 1 has to tell of it with a clock of its own."""
    cluster = await chain(2)
    cluster.hubs.append(PresenceHub(cluster.clock, TICK))
    cluster.connect(0, 2)
    for _ in range(3):
        cluster.cut(0, 1)
        await cluster.clock.advance(SECONDS + SOON)
        cluster.connect(0, 1)
        await cluster.clock.advance(SOON)
    cluster.exit(1)
    cluster.enter(1, 2)
    await cluster.clock.advance(SOON)
    cluster.tabs[0].set({"name": "renewed"})
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_a_program_that_moves_during_a_cut_is_shown_as_it_was_last():
    cluster = await chain(2)
    cluster.cut(0, 1)
    cluster.enter_person(7, 0, "first").set("second")
    await cluster.clock.advance(SECONDS + SOON)
    cluster.exit_person(7, 2)
    cluster.enter_person(7, 1, "third")
    cluster.connect(0, 1)
    await cluster.clock.advance(SOON)
    assert [cluster.shown(node)[7] for node in (0, 1)] == ["third", "third"]
    await cluster.clock.advance(2)
    check(cluster)


async def idle(nodes: int) -> Cluster:
    """Nodes in a row; at the first are client 0, who sits still from now on, and client 1."""
    cluster = Cluster(nodes)
    for node in range(1, nodes):
        cluster.connect(node - 1, node)
    for client in range(2):
        cluster.enter(client, 0).set({"name": client})
    await cluster.clock.advance(SOON)
    check(cluster)
    return cluster


async def test_who_moves_sees_at_once_who_sits_still():
    """At each node it is told of the other with a clock that it has heard at none."""
    cluster = await idle(3)
    for node in (1, 2, 0, 0, 2, 2, 1, 0, 1):
        cluster.exit(1)
        cluster.enter(1, node)
        await cluster.clock.advance(SOON)
        check(cluster)
    cluster.tabs[0].set({"name": "moved"})
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_a_program_that_says_nothing_is_seen_by_who_moves():
    cluster = await idle(2)
    cluster.enter_person(7, 0, "still")
    await cluster.clock.advance(SOON)
    for node in (1, 0, 1):
        cluster.exit(1)
        cluster.enter(1, node)
        await cluster.clock.advance(SOON)
        assert cluster.tabs[1].states.keys() == {0, 1, 7}


async def test_who_has_come_before_its_node_knows_the_others_sees_them_as_soon_as_that_does():
    """A node that was started again has no links yet."""
    cluster = await idle(3)
    for _ in range(2):
        cluster.exit(1)
        cluster.crash(2)
        cluster.enter(1, 2)
        await cluster.clock.advance(SOON)
        cluster.connect(1, 2)
        await cluster.clock.advance(SOON)
        assert cluster.tabs[1].states == cluster.there()
    cluster.tabs[0].set({"name": "moved"})
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_who_moves_behind_a_link_that_is_new_sees_who_sits_still():
    cluster = await idle(2)
    cluster.exit(1)
    cluster.enter(1, 0)
    await cluster.clock.advance(SOON)
    cluster.hubs.append(PresenceHub(cluster.clock, TICK))
    cluster.connect(1, 2)
    await cluster.clock.advance(SOON)
    cluster.exit(1)
    cluster.enter(1, 2)
    await cluster.clock.advance(SOON)
    check(cluster)


async def test_who_comes_costs_what_is_said_of_everybody_and_no_more():
    cluster = await idle(3)
    (first, _) = cluster.cables.values()
    first.sent.clear()
    cluster.exit(1)
    cluster.enter(1, 1)
    await cluster.clock.advance(SOON)
    first.sent.clear()
    await cluster.clock.advance(SOON)
    assert first.sent == []


async def test_what_somebody_was_told_while_a_link_was_held_is_said_when_it_goes_on():
    cluster = await idle(2)
    [cable] = cluster.cables.values()
    for node in (1, 0, 1):
        for end in cable.ends:
            end.hold()
        cluster.exit(1)
        cluster.enter(1, node)
        await cluster.clock.advance(SOON)
        for end in cable.ends:
            end.resume()
        await cluster.clock.advance(SOON)
        check(cluster)
