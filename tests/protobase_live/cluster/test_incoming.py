"""What is said of commits that were sent: taken is what is durable, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from protobase_actors import ManualClock
from protobase_live.cluster.incoming import Incoming
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.recent import Recent
from protobase_live.cluster.source import Source
from protobase_live.collection.former import FIRST, history_of, remains_of
from protobase_live.collection.limits import Limits
from protobase_live.database.database import Database
from protobase_live.protocol.peer.messages import Commits, Deleted, PeerMessage, Position, Standings, Taken
from protobase_storage import Commit, MemoryStorage
from protobase_storage.commit_format import pack_commit

SMALL = 1_000
"""Bytes that may be held, of which each held commit takes 500 beside its update."""


class Receiver:
    """A node that is sent commits, and can hold few bytes of what lacks something."""

    def __init__(self) -> None:
        self.storage, self.said = MemoryStorage(make_identity=lambda: "here"), list[PeerMessage]()
        clock, limits = ManualClock(), ClusterLimits()
        self.db = Database(
            self.storage, clock=clock, random=Random(1), limits=Limits(held_commit_bytes=SMALL)
        )
        source = Source(self.storage, Recent(SMALL), 10)
        outgoing = Outgoing(source, limits, clock, self.say)
        self.incoming = Incoming(self.db.home, outgoing, limits, self.say)

    async def say(self, message: PeerMessage) -> None:
        self.said.append(message)

    async def take(self, number: int, **commits: Sequence[Commit]) -> Taken:
        """What is said of one message with these commits."""
        forms = {name: (FIRST, [pack_commit(each) for each in of]) for name, of in commits.items()}
        await self.incoming.take([Commits(number, forms)])
        (said,) = self.said
        self.said.clear()
        assert isinstance(said, Taken)
        return said


async def made(*keys: str, of: Sequence[str] = ("c",), size: int = 1) -> dict[str, list[Commit]]:
    """The commits of another node: for each key a transaction over some collections."""
    storage = MemoryStorage(make_identity=lambda: "there")
    async with Database(storage, clock=ManualClock(), random=Random(2)) as db:
        for key in keys:
            async with db.transaction() as tx:
                for name in of:
                    tx[name].put({"text": key * size}, key=key)
        return {name: list((await storage.load(name)).commits) for name in of}


@pytest.fixture(params=["asleep", "in memory"])
async def receiver(request: pytest.FixtureRequest):
    receiver = Receiver()
    async with receiver.db as db:
        if request.param == "in memory":
            for name in "cd":
                await db.ref(name)
        yield receiver


async def test_a_commit_that_is_too_large_to_be_held_is_not_said_to_be_taken(receiver: Receiver) -> None:
    commits = await made("a", "b", size=SMALL)
    said = await receiver.take(1, c=commits["c"][1:])
    assert said == Taken(1, {"c": (FIRST, {})}, {})
    assert receiver.db.held_commits == 0
    assert await receiver.take(2, c=commits["c"]) == Taken(2, {}, {})
    assert (await receiver.storage.load("c")).commits == tuple(commits["c"])


async def test_nor_is_one_for_which_others_leave_no_room(receiver: Receiver) -> None:
    commits = await made("a", "b", "c", "d")
    assert await receiver.take(1, c=commits["c"][1:]) == Taken(1, {"c": (FIRST, {})}, {})
    said = await receiver.take(2, c=commits["c"][:1])
    assert said == Taken(2, {}, {})  # of the others it was said before
    said = await receiver.take(3, c=commits["c"][1:])
    assert said == Taken(3, {}, {})
    assert (await receiver.storage.load("c")).vector == {commits["c"][0].origin: 4}


async def test_nor_is_a_transaction_for_which_that_of_other_collections_leaves_no_room() -> None:
    receiver = Receiver()
    async with receiver.db as db:
        for name in "cd":
            await db.ref(name)
        commits = await made("a", "b", of="cd", size=SMALL)
        late = {name: each[1:] for name, each in commits.items()}
        at_the_start = FIRST, {}
        said = await receiver.take(1, **late)
        assert said == Taken(1, {"c": at_the_start, "d": at_the_start}, {})
        assert db.held_commits == 0
        assert await receiver.take(2, **commits) == Taken(2, {}, {})
        assert (await receiver.storage.load("d")).commits == tuple(commits["d"])


async def test_messages_that_wait_are_taken_as_one_whatever_is_answered_in_between() -> None:
    """Or two nodes that both write would flush for each message of the other one."""
    receiver = Receiver()
    commits = await made("a", "b", "c", of="cd")
    of_each = [
        Commits(n, {name: (FIRST, [pack_commit(each[n - 1])]) for name, each in commits.items()})
        for n in (1, 2, 3)
    ]
    async with receiver.db as db:
        for name in "cd":
            await db.ref(name)
        appended = list[int]()
        append = receiver.storage.append
        receiver.storage.append = lambda given: appended.append(len(given)) or append(given)  # type: ignore[method-assign]
        answered = Taken(1, {}, {})
        await receiver.incoming.take([of_each[0], answered, of_each[1], answered, of_each[2]])
        assert receiver.said == [Taken(3, {}, {})]
        assert appended == [6]


async def test_what_says_that_something_is_lacking_is_taken_in_its_order() -> None:
    receiver = Receiver()
    commits = await made("a", "b")
    of_each = [Commits(n, {"c": (FIRST, [pack_commit(commits["c"][n - 1])])}) for n in (1, 2)]
    async with receiver.db:
        await receiver.incoming.take([of_each[0], Taken(1, {"c": (FIRST, {})}, {}), of_each[1]])
    assert receiver.said == [Taken(1, {}, {}), Taken(2, {}, {})]


async def test_a_deletion_is_answered_when_it_is_durable(receiver: Receiver) -> None:
    """Or a node that stops cannot know that the other one has it."""
    commits = await made("a")
    await receiver.take(1, c=commits["c"])
    remains = remains_of(await receiver.storage.load("c"), "h")
    await receiver.incoming.take([Deleted("c", remains)])
    position: Position = (history_of(remains), {})
    assert receiver.said == [Standings({"c": position}, complete=False)]
    assert (await receiver.storage.standing("c")).remains == remains
