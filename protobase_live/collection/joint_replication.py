"""Commits of other nodes for several collections: parts of a transaction are stored and shown together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from protobase_live.collection.former import History
from protobase_live.collection.held_joints import HeldJoints, Parts
from protobase_live.collection.messages import Replicate, Replicated
from protobase_live.errors import CollectionDropped, MalformedUpdate, ProtoBaseError, ValidationError
from protobase_storage import Commit, Joint, Vector, covers, follows

NONE_KNOWN: Mapping[str, History] = {}

Ask = Callable[[str, Replicate], Awaitable[object]]
KnownHistories = Mapping[str, History]
"""Which history of a collection commits are of, where that is known."""

JointChange = Callable[[Parts, KnownHistories], Awaitable[object]]
Answer = Replicated | ProtoBaseError
"""What a collection has then, or why something of what was sent to it was not taken."""


class JointReplication:
    """Takes commits for any number of collections, of which none waits for another one without need."""

    def __init__(self, ask: Ask, joint_change: JointChange, most_bytes: int) -> None:
        """``ask`` tells one collection, ``joint_change`` carries out the parts of a transaction as one.

        ``most_bytes`` bounds what is held of transactions that cannot be shown yet.
        """
        self._ask = ask
        self._together = joint_change
        self._held = HeldJoints(most_bytes)

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories = NONE_KNOWN
    ) -> dict[str, Answer]:
        """Take commits, those of one collection in their order; durable on return, or counted as held.

        Those of another one of ``histories`` than is here are not taken.

        The parts of a transaction that come here, in one call or while others of them are held, are shown
        together. Whoever sends has all parts that he wants shown together in one call.
        """
        alone, joints = _sorted_out(commits)
        call = _Call(self._ask, self._together, self._held, histories)
        await call.replicate(alone)
        for joint, parts in joints.items():
            call.pending[joint] = self._held.take(joint) | parts
        await call.show_what_fits()
        for joint, parts in call.pending.items():
            self._held.add(joint, parts)
        return {name: self._answer(call, name) for name in commits}

    @property
    def held(self) -> int:
        """How many commits are held."""
        return len(self._held)

    def forget(self, collection: str) -> None:
        """The history of a collection is over: what is held of it is good for nothing."""
        self._held.forget(collection)

    def _answer(self, call: _Call, collection: str) -> Answer:
        if (failure := call.failures.get(collection)) is not None:
            return failure
        answer = call.answers[collection]
        return replace(answer, held=answer.held + self._held.count(collection))


class _Call:
    """What is known of the collections while the commits of one call are taken."""

    def __init__(
        self, ask: Ask, joint_change: JointChange, held: HeldJoints, histories: KnownHistories
    ) -> None:
        self.answers: dict[str, Replicated] = {}
        """The last answer of each collection."""
        self.failures: dict[str, ProtoBaseError] = {}
        """The first error of each."""
        self.pending: dict[Joint, Parts] = {}
        """The transactions that may be shown."""
        self._ask = ask
        self._together = joint_change
        self._held = held
        self._histories = histories

    async def replicate(self, commits: Mapping[str, Sequence[Commit]]) -> None:
        """Send each collection what is for it alone, all at the same time."""
        await asyncio.gather(*(self._send(*each) for each in commits.items()))

    async def show_what_fits(self) -> None:
        """Show transactions until none is left that can be shown: each may be what others wait for."""
        while await self._show_all_that_fit() or await self._show_one_of_what_is_not_here():
            pass

    async def _show_all_that_fit(self) -> bool:
        for collection, answer in self.answers.items():
            for joint in self._held.due(collection, answer.vector):
                self.pending[joint] = self._held.take(joint) | self.pending.get(joint, {})
        shown = False
        for joint in sorted(self.pending, key=self._begun_at):
            parts = self.pending[joint]
            await self.replicate({each: () for each in parts if not self._is_asked(each)})
            if not any(map(self._lacks_something, parts.values())):
                await self._show(joint)
                shown = True
        return shown

    async def _show_one_of_what_is_not_here(self) -> bool:
        """What fits waits for no collection of which nothing is here; this comes when all else was tried."""
        for joint, parts in self.pending.items():
            lacking = [commit for commit in parts.values() if self._lacks_something(commit)]
            if len(lacking) < len(parts) and all(self._vector(each.collection) == {} for each in lacking):
                await self._show(joint)
                return True
        return False

    def _begun_at(self, joint: Joint) -> float:
        """What a transaction was made on is earlier, by a clock that the nodes share, in each collection."""
        return min(commit.time for commit in self.pending[joint].values())

    async def _show(self, joint: Joint) -> None:
        """Show all parts that fit as one, and tell the collections of the others what does not."""
        parts = self.pending.pop(joint)
        fitting = {each: commit for each, commit in parts.items() if self._fits(commit)}
        if len(fitting) < 2 or await self._show_together(fitting):
            await self.replicate({each: (commit,) for each, commit in parts.items()})

    def _is_asked(self, collection: str) -> bool:
        return collection in self.answers or collection in self.failures

    def _lacks_something(self, commit: Commit) -> bool:
        """Whether it cannot be applied yet. A collection that there cannot be here is not waited for."""
        vector = self._vector(commit.collection)
        if vector is None:
            return self.failures[commit.collection].retryable
        return not covers(vector, commit) and not follows(vector, commit)

    def _fits(self, commit: Commit) -> bool:
        vector = self._vector(commit.collection)
        return vector is not None and not covers(vector, commit) and follows(vector, commit)

    def _vector(self, collection: str) -> Vector | None:
        answer = self.answers.get(collection)
        return None if answer is None else answer.vector

    async def _show_together(self, parts: Parts) -> bool:
        """Whether they are shown, or one of them cannot be, which is told so when it comes alone."""
        try:
            await self._together(parts, self._histories)
        except (ValidationError, MalformedUpdate, CollectionDropped):
            return True
        except ProtoBaseError as error:
            self._fail(parts, error)
            return False
        return True

    def _fail(self, collections: Iterable[str], error: ProtoBaseError) -> None:
        for collection in collections:
            self.failures.setdefault(collection, error)

    async def _send(self, collection: str, commits: Sequence[Commit]) -> None:
        try:
            await self._ask_for_answer(collection, commits)
        except (ValidationError, MalformedUpdate, CollectionDropped) as error:
            self._fail([collection], error)
            if commits:
                await self._send(collection, ())  # it goes on, and says how far it is
        except ProtoBaseError as error:
            self._fail([collection], error)

    async def _ask_for_answer(self, collection: str, commits: Sequence[Commit]) -> None:
        history = self._histories.get(collection) if commits else None
        answer = await self._ask(collection, Replicate(commits, history))
        assert isinstance(answer, Replicated)
        self.answers[collection] = answer


def _sorted_out(
    commits: Mapping[str, Sequence[Commit]],
) -> tuple[dict[str, list[Commit]], dict[Joint, Parts]]:
    """What is for one collection alone, and the transactions over several."""
    alone: dict[str, list[Commit]] = {}
    joints: dict[Joint, Parts] = {}
    for collection, each in commits.items():
        alone[collection] = [commit for commit in each if commit.joint is None]
        for commit in each:
            if commit.joint is not None:
                joints.setdefault(commit.joint, {})[collection] = commit
    return alone, joints
