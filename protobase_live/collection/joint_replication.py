"""Commits of other nodes for several collections: parts of a transaction are stored and shown together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from protobase_live.collection.former import History
from protobase_live.collection.held_joints import NONE_KNOWN, HeldJoints, Parts
from protobase_live.collection.joint_runs import connected, in_pieces, run_of
from protobase_live.collection.messages import Replicate, Replicated
from protobase_live.collection.unreadable import NEVER_TAKEN, require_readable
from protobase_live.errors import MalformedUpdate, ProtoBaseError
from protobase_storage import Commit, Joint, Vector, covers, follows

Ask = Callable[[str, Replicate], Awaitable[object]]
KnownHistories = Mapping[str, History]
"""Which history of a collection commits are of, where that is known."""

CarryOut = Callable[[Mapping[str, Sequence[Commit]], KnownHistories], Awaitable[object]]
Answer = Replicated | ProtoBaseError
"""What a collection has then, or why something of what was sent to it was not taken."""


class JointReplication:
    """Takes commits for any number of collections, of which none waits for another one without need."""

    def __init__(self, ask: Ask, carry_out: CarryOut, most_bytes: int, most_collections: int) -> None:
        """``ask`` tells one collection, ``carry_out`` does the parts of transactions as one.

        ``most_bytes`` bounds what is held of transactions that cannot be shown yet, ``most_collections`` how
        many collections are held at once.
        """
        self._ask = ask
        self._carry_out = carry_out
        self._held = HeldJoints(most_bytes)
        self._most_collections = most_collections

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories = NONE_KNOWN
    ) -> dict[str, Answer]:
        """Take commits, those of one collection in their order; durable on return, or counted as held.

        Those of another one of ``histories`` than is here are not taken.

        The parts of a transaction that come here, in one call or while others of them are held, are shown
        together. Whoever sends has all parts that he wants shown together in one call.
        """
        call = _Call(self._ask, self._carry_out, self._held, histories)
        shown = await call.show_runs(commits, self._most_collections)
        alone, joints = _sorted_out({name: each for name, each in commits.items() if name not in shown})
        await call.replicate(alone)
        for joint, parts in joints.items():
            call.pending[joint] = call.take_held(joint) | parts
        await call.show_what_fits()
        for joint, parts in call.pending.items():
            self._held.add(joint, parts, call.histories)
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
        answer, held = call.answers[collection], self._held.count(collection)
        return replace(answer, held=answer.held + held) if held else answer


class _Call:
    """What is known of the collections while the commits of one call are taken."""

    def __init__(self, ask: Ask, carry_out: CarryOut, held: HeldJoints, histories: KnownHistories) -> None:
        self.answers: dict[str, Replicated] = {}
        """The last answer of each collection."""
        self.failures: dict[str, ProtoBaseError] = {}
        """The first error of each."""
        self.pending: dict[Joint, Parts] = {}
        """The transactions that may be shown."""
        self._ask = ask
        self._carry_out = carry_out
        self._held = held
        self.histories = dict(histories)
        """Of which histories of the collections the commits are, where that is known."""

    def take_held(self, joint: Joint) -> Parts:
        """The held parts of a transaction, but for those of other histories than what is taken now."""
        histories, parts = self._held.histories(joint), self._held.take(joint)
        for name, history in histories.items():
            if self.histories.setdefault(name, history) != history:
                del parts[name]
        return parts

    async def replicate(self, commits: Mapping[str, Sequence[Commit]]) -> None:
        """Send each collection what is for it alone, all at the same time."""
        await asyncio.gather(*(self._send(*each) for each in commits.items()))

    async def show_runs(self, commits: Mapping[str, Sequence[Commit]], most: int) -> set[str]:
        """Show all that transactions connect as one, where all of it fits; of which collections that is.

        Where more than ``most`` collections are connected, it is shown in pieces of so many.

        One after the other each transaction would hold its collections, and wait for the disk.
        """
        shown = set[str]()
        for names in connected(commits):
            group = {name: commits[name] for name in names}
            left = {name: len(of_one) for name, of_one in group.items()}
            for piece in in_pieces(group, most) if len(names) > most else (group,):
                if await self._show_run(piece):
                    for name, of_one in piece.items():
                        left[name] -= len(of_one)
            shown.update(name for name, count in left.items() if not count)
        return shown

    async def _show_run(self, commits: Mapping[str, Sequence[Commit]]) -> bool:
        """Whether that is done. If not, transactions are shown one by one, which says what is wrong."""
        if any(map(self._held.count, commits)):
            return False
        await self.replicate(dict.fromkeys(commits, ()))
        runs = {name: self._run(name, each) for name, each in commits.items()}
        lacking = {name: run for name, run in runs.items() if run}
        if len(lacking) < 2 or None in runs.values() or not await _are_readable(lacking.values()):
            return False
        try:
            await self._carry_out(lacking, self.histories)
        except ProtoBaseError:
            return False
        await self.replicate(dict.fromkeys(commits, ()))
        return True

    def _run(self, collection: str, commits: Sequence[Commit]) -> list[Commit] | None:
        vector = self._vector(collection)
        return None if vector is None else run_of(commits, vector)

    async def show_what_fits(self) -> None:
        """Show transactions until none is left that can be shown: each may be what others wait for."""
        while await self._show_all_that_fit() or await self._show_one_of_what_is_not_here():
            pass

    async def _show_all_that_fit(self) -> bool:
        for collection, answer in self.answers.items():
            for joint in self._held.due(collection, answer.vector):
                if parts := self.take_held(joint) | self.pending.get(joint, {}):
                    self.pending[joint] = parts
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
        """Whether it cannot be applied yet. A collection that there cannot be here is not waited for, and no
        more is a history that is over here.
        """
        collection = commit.collection
        vector = self._vector(collection)
        if vector is None:
            return self.failures[collection].retryable
        here = self.answers[collection].history
        history = self.histories.get(collection, here)
        if history != here:
            return history > here
        return not covers(vector, commit) and not follows(vector, commit)

    def _fits(self, commit: Commit) -> bool:
        answer = self.answers.get(commit.collection)
        if answer is None or self.histories.get(commit.collection, answer.history) != answer.history:
            return False
        vector = answer.vector
        return not covers(vector, commit) and follows(vector, commit)

    def _vector(self, collection: str) -> Vector | None:
        answer = self.answers.get(collection)
        return None if answer is None else answer.vector

    async def _show_together(self, parts: Parts) -> bool:
        """Whether they are shown. One that can never be is left out, and told so when it comes alone."""
        try:
            await self._carry_out({each: (commit,) for each, commit in parts.items()}, self.histories)
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
        except NEVER_TAKEN as error:
            self._fail([collection], error)
            if commits:
                await self._send(collection, ())  # it goes on, and says how far it is
        except ProtoBaseError as error:
            self._fail([collection], error)

    async def _ask_for_answer(self, collection: str, commits: Sequence[Commit]) -> None:
        history = self.histories.get(collection) if commits else None
        answer = await self._ask(collection, Replicate(commits, history))
        assert isinstance(answer, Replicated)
        self.answers[collection] = answer


async def _are_readable(runs: Iterable[Sequence[Commit]]) -> bool:
    """Whether none of them has to be left out while others are carried out."""
    try:
        for commit in chain.from_iterable(runs):
            await require_readable(commit)
    except MalformedUpdate:
        return False
    return True


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
