"""Mistakes of nodes that are linked, which a simulation of several has to find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

import pytest

from protobase_live.cluster.batch import Batch, Batching
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.collection import asleep, held_commits, joint_replication, replica
from protobase_live.collection.asleep import Asleep, Meanwhile
from protobase_live.collection.former import History
from protobase_live.collection.identity import Identity
from protobase_live.collection.replica import Replica
from protobase_live.collection.turn import AppliedCommit
from protobase_live.database.home import Home
from protobase_live.presence.peers import Peers
from protobase_storage import TIMELINE_MARK, Commit, Loaded, Vector, covers, includes, sequence_of
from tests.simulation.planted import cursor_off_by_one

Plant = Callable[[pytest.MonkeyPatch], None]


def skipped_commit(patch: pytest.MonkeyPatch) -> None:
    """Of a message with several commits of a collection the last is marked as sent, and is not sent."""
    right = Outgoing._send_batch

    async def send_batch(
        self: Outgoing, batch: Batch, histories: Mapping[str, History], since: float
    ) -> None:
        for name, commits in batch.taken.items():
            if len(commits) > 2:
                self.known[name].go_on(Loaded(None, (commits.pop().commit,)).vector)
        await right(self, batch, histories, since)

    patch.setattr(Outgoing, "_send_batch", send_batch)


def causal_order_dropped(patch: pytest.MonkeyPatch) -> None:
    """Messages have the commits in reverse, and who takes them looks at no more than that they are new."""
    right = Batching.run

    def run(self: Batching) -> Batch:
        batch = right(self)
        for commits in batch.taken.values():
            commits.reverse()
        return batch

    def follows(vector: Vector, commit: Commit) -> bool:
        return not covers(vector, commit)

    patch.setattr(Batching, "run", run)
    for module in (asleep, held_commits, joint_replication, replica):
        patch.setattr(module, "follows", follows)


def half_a_joint_transaction(patch: pytest.MonkeyPatch) -> None:
    """The parts of a transaction are sent, and taken, as if they had nothing to do with each other."""

    async def alone(self: Home, commits, histories=joint_replication.NONE_KNOWN):
        answers = {}
        for name, each in commits.items():
            answers |= await right(self, {name: each}, histories)
        return answers

    right = Home.replicate
    patch.setattr(Batching, "_parts", lambda self, joint: None)
    patch.setattr(Home, "replicate", alone)


def deletion_merged(patch: pytest.MonkeyPatch) -> None:
    """Who is told of a deletion keeps what is there, and takes what comes then as more of the same."""

    async def take_deletion(self: Home, collection: str, remains: bytes) -> None:
        pass

    patch.setattr(Home, "take_deletion", take_deletion)
    for module in (asleep, replica):
        patch.setattr(module, "require_same", lambda collection, here, theirs: None)


def wrong_merge(patch: pytest.MonkeyPatch) -> None:
    """What another node wrote before it knew of what was written here is stored, and not shown."""
    right = Replica.apply

    async def apply(self: Replica, commit: Commit) -> AppliedCommit:
        own = f"{self._writer}{TIMELINE_MARK}{self._timeline}"
        if sequence_of(self.vector, own) <= sequence_of(commit.after, own):
            return await right(self, commit)
        self._include({commit.origin: commit.sequence}, commit.time)
        return AppliedCommit(commit, (), {})

    patch.setattr(Replica, "apply", apply)


def acknowledged_before_peers_flushed(patch: pytest.MonkeyPatch) -> None:
    """What was sent to another node counts as durable there."""

    def has_durable(self: Outgoing, vectors: Mapping[str, Vector]) -> bool:
        known = self.known
        return all(name in known and includes(known[name].vector, each) for name, each in vectors.items())

    patch.setattr(Outgoing, "has_durable", has_durable)


def lost_presence_expiry(patch: pytest.MonkeyPatch) -> None:
    """People at a node that cannot be reached are shown for ever."""
    patch.setattr(Peers, "_lose", lambda self, node: None)


def growth_while_loading_overlooked(patch: pytest.MonkeyPatch) -> None:
    """What was stored for a collection while it was loaded is not read."""
    right = Asleep.wake

    async def wake(self: Asleep, name: str) -> Meanwhile:
        await right(self, name)
        return Meanwhile.NOTHING

    patch.setattr(Asleep, "wake", wake)


def numbers_used_again(patch: pytest.MonkeyPatch) -> None:
    """On an empty disk a node numbers what it writes as it did on the one that it has lost."""
    right = Identity.__init__

    def init(self: Identity, random: Random, node: str, disk: str) -> None:
        right(self, random, node, node)

    patch.setattr(Identity, "__init__", init)


PLANTED: dict[str, Plant] = {
    plant.__name__: plant
    for plant in (
        skipped_commit,
        wrong_merge,
        causal_order_dropped,
        half_a_joint_transaction,
        deletion_merged,
        cursor_off_by_one,
        lost_presence_expiry,
        acknowledged_before_peers_flushed,
        growth_while_loading_overlooked,
        numbers_used_again,
    )
}
