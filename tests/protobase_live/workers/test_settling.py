"""When a store, or the node at the other end of a link, is taken to have everything."""

from __future__ import annotations

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.source import Source
from protobase_live.collection.former import FIRST, History, history_of, remains_of
from protobase_live.protocol.peer.messages import PeerMessage, Standings
from protobase_live.workers.settling import has_all_of, is_known_to_have_all
from protobase_storage import Commit, MemoryStorage

LATER = History(2, "t")


class Here:
    """A node with one commit of one collection, and its half of a link."""

    def __init__(self) -> None:
        self.storage, self.clock = MemoryStorage(), ManualClock()
        self.source = Source(self.storage, Recent(0), 10)
        self.outgoing = Outgoing(self.source, ClusterLimits(), self.clock, self.send)

    async def send(self, message: PeerMessage) -> None:
        """It is lost."""

    async def write(self, sequence: int) -> None:
        await self.storage.append([Commit("a/t", sequence, "c", b"", (), 1.0)])

    async def is_settled(self) -> bool:
        return await is_known_to_have_all(self.outgoing, self.source)


@pytest.fixture
async def here() -> Here:
    here = Here()
    await here.write(1)
    return here


async def test_a_link_says_nothing_before_the_other_node_has_told_all_that_it_has(here: Here) -> None:
    assert not await here.is_settled()
    here.outgoing.stands(Standings({"c": (FIRST, {"a/t": 1})}, complete=False))
    assert not await here.is_settled()
    here.outgoing.stands(Standings({}, complete=True))
    assert await here.is_settled()


async def test_what_is_stored_and_was_not_looked_at_yet_is_lacking(here: Here) -> None:
    here.outgoing.stands(Standings({}, complete=True))
    assert not await here.is_settled()


async def test_what_was_sent_is_lacking_until_it_is_durable(here: Here) -> None:
    here.outgoing.known["c"].go_on({"a/t": 1})
    here.outgoing.stands(Standings({}, complete=True))
    assert not await here.is_settled()
    here.outgoing.known["c"].is_durable({"a/t": 1})
    assert await here.is_settled()
    await here.write(2)
    assert not await here.is_settled()


async def test_what_was_deleted_there_is_not_lacking(here: Here) -> None:
    here.outgoing.stands(Standings({"c": (LATER, {})}, complete=True))
    assert await here.is_settled()


async def test_a_deletion_that_was_told_is_lacking_until_it_is_durable(here: Here) -> None:
    here.outgoing.stands(Standings({"c": (FIRST, {"a/t": 1})}, complete=True))
    await here.storage.delete("c", remains_of(await here.storage.load("c"), "h"))
    history = history_of((await here.storage.standing("c")).remains)
    here.outgoing.known["c"].replace(history)  # it was sent
    assert not await here.is_settled()
    here.outgoing.stands(Standings({"c": (history, {})}, complete=False))
    assert await here.is_settled()


async def test_a_store_lacks_what_only_another_one_has(here: Here) -> None:
    first = MemoryStorage()
    assert await has_all_of(here.storage, first)
    assert not await has_all_of(first, here.storage)
    await first.append([Commit("a/t", 1, "c", b"", (), 1.0)])
    assert await has_all_of(first, here.storage)
