"""What another node is taken to have: what it said it has, and nothing that it did not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from itertools import count

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.sack import Sack
from protobase_live.cluster.source import Position, Source
from protobase_live.collection.former import FIRST, Former
from protobase_live.protocol.peer.messages import (
    Commits,
    Deleted,
    PeerMessage,
    SnapshotPart,
    Standings,
    Taken,
)
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE
from protobase_storage import Commit, Joint, Loaded, MemoryStorage, Snapshot, Vector

LIMITS = ClusterLimits()


class Sender:
    """A node that sends what its log has."""

    def __init__(self) -> None:
        self.storage, self.clock = MemoryStorage(), ManualClock()
        self.sent = list[Commits]()
        self.others = list[PeerMessage]()
        self.source = Source(self.storage, Recent(0), 10)
        self.outgoing = Outgoing(self.source, LIMITS, self.clock, self.send)

    async def send(self, message: PeerMessage) -> None:
        if isinstance(message, Commits):
            self.sent.append(message)
        else:
            self.others.append(message)

    async def write(self, origin: str) -> None:
        """Another commit, made by somebody who knew nothing of the others; it is sent."""
        sequence = (await self.storage.load("c")).vector.get(origin, 0) + 1
        await self.storage.append([Commit(origin, sequence, "c", b"", (), 1.0)])
        self.outgoing.lacks("c")
        await self.clock.settle()

    @property
    def origins(self) -> list[list[str]]:
        """Whose commits each message has brought."""
        sacks = [Sack() for _ in self.sent]
        for sack, message in zip(sacks, self.sent, strict=True):
            sack.add(message)
        return [[each.origin for each in sack.commits["c"]] for sack in sacks]


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    sender = Sender()
    sender.outgoing.stands(Standings({}, complete=True))
    running = asyncio.ensure_future(sender.outgoing.run())
    yield sender
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.parametrize(
    "said",
    [Taken(1, {"c": (FIRST, {})}, {}), Taken(1, {}, {"c": ("the disk is full", True)})],
    ids=["lacks something", "failed"],
)
async def test_what_was_not_taken_is_sent_again_though_what_was_sent_behind_it_was(
    sender: Sender, said: Taken
) -> None:
    await sender.write("a/t")
    await sender.write("b/t")
    assert sender.origins == [["a/t"], ["b/t"]]
    sender.outgoing.taken(said)
    sender.outgoing.taken(Taken(2, {}, {}))
    assert sender.outgoing.has_durable({"c": {"b/t": 1}})
    assert not sender.outgoing.has_durable({"c": {"a/t": 1}})
    await sender.clock.advance(LIMITS.retry_seconds)
    await sender.clock.settle()
    assert sender.origins[2:] == [["a/t"]]
    sender.outgoing.taken(Taken(3, {}, {}))
    assert sender.outgoing.has_durable({"c": {"a/t": 1, "b/t": 1}})


async def test_what_comes_to_be_known_while_a_log_is_read_is_no_gap_in_it(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be sent a snapshot, which ends what streams there tell bit by bit."""
    commits_after = sender.storage.commits_after

    async def told_meanwhile(collection: str, vector: Vector, limit: int) -> list[Commit] | None:
        found = await commits_after(collection, vector, limit)
        sender.outgoing.has(collection, FIRST, {"a/t": 1})  # the other node has sent it, too
        return found

    monkeypatch.setattr(sender.storage, "commits_after", told_meanwhile)
    await sender.write("a/t")
    assert sender.origins == [["a/t"]]


async def test_what_is_stored_and_not_shown_yet_is_waited_for(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erased collection was looked at again and again, as fast as the node could."""
    await sender.write("a/t")
    erased = FIRST.erased("e1")
    what_is_left = Snapshot("c", EMPTY_UPDATE, {"a/u": 1}, 2.0)
    await sender.storage.erase("c", Former().remains({}, erased), what_is_left)
    load, loads = sender.storage.load, count()

    async def counted(collection: str) -> Loaded:
        assert next(loads) < 10, "again and again"
        return await load(collection)

    monkeypatch.setattr(sender.storage, "load", counted)
    sender.outgoing.lacks("c")
    await sender.clock.settle()
    assert sender.others == []
    sender.source.replaced("c", erased)
    sender.outgoing.replaced("c")
    await sender.clock.settle()
    assert [type(message) for message in sender.others] == [Deleted, SnapshotPart]


async def test_what_is_not_shown_yet_may_come_in_with_others_alone(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its transaction with what is sent was stored when it had been decided what belongs to that."""

    async def nothing_yet() -> AsyncGenerator[list[Position]]:
        for page in list[list[Position]]():
            yield page

    monkeypatch.setattr(sender.source, "pages", nothing_yet)
    storage, together = sender.storage, Joint("j", ("c", "d"))
    await storage.append([Commit("a/t", 1, "c", b"", (), 1.0)])
    await storage.compact(Snapshot("c", EMPTY_UPDATE, {"a/t": 1}, 1.0))
    await storage.append(
        [Commit("a/t", n, name, b"", (), 2.0, joint=together) for n, name in ((2, "c"), (1, "d"))]
    )
    await storage.erase(
        "d", Former().remains({}, FIRST.erased("e1")), Snapshot("d", EMPTY_UPDATE, {"a/u": 1}, 3.0)
    )
    sender.outgoing.lacks("c")
    await sender.clock.settle()
    assert [message.collection for message in sender.others if isinstance(message, SnapshotPart)] == ["c"]
