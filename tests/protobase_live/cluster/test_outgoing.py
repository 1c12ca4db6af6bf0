"""What another node is taken to have: what it said it has, and nothing that it did not take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from itertools import count

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.sack import Sack
from protobase_live.cluster.source import Position, Source
from protobase_live.collection.former import FIRST, Former, History
from protobase_live.collection.state import leaps
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
NAMES = ("left", "right")


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

    async def write(self, origin: str, update: bytes = b"") -> None:
        """Another commit, made by somebody who knew nothing of the others; it is sent as soon as it may."""
        sequence = (await self.storage.load("c")).vector.get(origin, 0) + 1
        commit = Commit(origin, sequence, "c", update, (), 1.0)
        await self.storage.append([commit])
        self.outgoing.shown("c", [commit])
        await self.clock.settle()

    async def gather(self) -> None:
        """Have waited for what is gathered as long as it may take."""
        await self.clock.advance(LIMITS.gather_seconds + LIMITS.gather_pause_seconds)
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
    await sender.gather()
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


async def test_what_comes_while_little_is_unanswered_goes_with_the_answer(sender: Sender) -> None:
    await sender.write("a/t")
    await sender.write("b/t")
    await sender.write("c/t")
    assert sender.origins == [["a/t"]]
    await sender.clock.advance(LIMITS.gather_pause_seconds)
    sender.outgoing.taken(Taken(1, {}, {}))
    await sender.clock.settle()
    assert sender.origins == [["a/t"], ["b/t", "c/t"]]
    sender.outgoing.taken(Taken(2, {}, {}))
    await sender.clock.advance(LIMITS.gather_pause_seconds)
    await sender.write("d/t")
    assert sender.origins[2:] == [["d/t"]], "nothing is unanswered"


async def test_a_fast_answer_does_not_make_a_message_of_each_commit(sender: Sender) -> None:
    for origin in ("a/t", "b/t", "c/t"):
        await sender.write(origin)
        sender.outgoing.taken(Taken(1, {}, {}))
    assert sender.origins == [["a/t"]]
    await sender.clock.advance(LIMITS.gather_pause_seconds)
    await sender.clock.settle()
    assert sender.origins == [["a/t"], ["b/t", "c/t"]]


async def test_an_answer_is_not_waited_for_longer_than_so_long(sender: Sender) -> None:
    await sender.write("a/t")
    await sender.write("b/t")
    await sender.clock.advance(LIMITS.gather_seconds / 2)
    await sender.write("c/t")
    assert sender.origins == [["a/t"]]
    await sender.clock.advance(LIMITS.gather_seconds / 2)
    await sender.clock.settle()
    assert sender.origins == [["a/t"], ["b/t", "c/t"]]


async def test_behind_much_that_is_unanswered_nothing_waits(sender: Sender) -> None:
    await sender.write("a/t", bytes(LIMITS.gather_bytes))
    await sender.write("b/t")
    assert sender.origins == [["a/t"], ["b/t"]]


async def test_what_the_other_node_has_sent_is_not_looked_at(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = list[str]()
    history = sender.source.history

    async def told(collection: str) -> History:
        looked_at.append(collection)
        return await history(collection)

    monkeypatch.setattr(sender.source, "history", told)
    sender.outgoing.has("c", FIRST, {"a/t": 1})
    await sender.write("a/t")
    assert looked_at == []
    await sender.write("a/t")
    assert sender.origins == [["a/t"]]
    assert looked_at


async def test_of_what_a_leap_brings_nothing_is_sent_without_the_rest(sender: Sender) -> None:
    """The first leap has all of it in its update, and the other node has that place filled already."""
    state = Snapshot("c", b"all of it", {"a/t": 7, "b/t": 1}, 1.0)
    await sender.storage.append(leaps(state, {}, ["c"]))
    sender.outgoing.has("c", FIRST, {"a/t": 7})
    sender.outgoing.lacks("c")
    await sender.clock.settle()
    assert sender.sent == []
    (part,) = sender.others
    assert isinstance(part, SnapshotPart)
    assert (part.vector, b"all of it" in part.part) == (state.vector, True)


async def test_what_was_taken_as_one_is_sent_as_one_while_only_some_of_it_is_folded(sender: Sender) -> None:
    """Half of a transaction was seen behind a node that was about to fold the other half."""
    states = [Snapshot(name, b"state", {"a/t": 2}, 1.0) for name in ("left", "right")]
    await sender.storage.append([Commit("a/t", 1, "right", b"", (), 1.0)])
    await sender.storage.append([*leaps(states[0], {}, NAMES), *leaps(states[1], {"a/t": 1}, NAMES)])
    await sender.storage.compact(states[0])
    sender.outgoing.has("right", FIRST, {"a/t": 1})
    sender.outgoing.lacks("left")
    sender.outgoing.lacks("right")
    await sender.clock.settle()
    assert sender.sent == []
    told = [(each.collection, each.more) for each in sender.others if isinstance(each, SnapshotPart)]
    assert [more for _, more in told] == [True, False]
    assert {name for name, _ in told} == set(NAMES)


async def test_what_is_taken_as_one_while_snapshots_are_chosen_is_sent_as_one(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [Snapshot(name, b"state", {"a/t": 2}, 1.0) for name in NAMES]
    await sender.storage.append([Commit("b/t", 1, "left", b"", (), 1.0)])
    await sender.storage.compact(Snapshot("left", b"before", {"b/t": 1}, 1.0))
    moment = sender.source.moment

    async def late(names: Sequence[str]) -> Mapping[str, Vector]:
        monkeypatch.setattr(sender.source, "moment", moment)
        await sender.storage.append([leap for state in states for leap in leaps(state, {}, NAMES)])
        return await moment(names)

    monkeypatch.setattr(sender.source, "moment", late)
    sender.outgoing.lacks("left")
    await sender.clock.settle()
    told = [(each.collection, each.more) for each in sender.others if isinstance(each, SnapshotPart)]
    assert told == [("left", True), ("right", False)]


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
    await sender.gather()
    assert sender.others == []
    sender.source.replaced("c", erased)
    sender.outgoing.replaced("c")
    await sender.gather()
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
