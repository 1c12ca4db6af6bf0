"""Where what other nodes send comes into a database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from protobase_actors import Clock, Ref
from protobase_live.collection.asleep import Asleep
from protobase_live.collection.fold import fold_aside
from protobase_live.collection.former import History
from protobase_live.collection.joint import JointParts, JointSnapshots, commit_jointly
from protobase_live.collection.joint_replication import NONE_KNOWN, Answer, JointReplication, KnownHistories
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import Install, Message, Replicate, Replicated
from protobase_live.collection.state import State
from protobase_live.collection.unreadable import NEVER_TAKEN
from protobase_live.database.known_errors import errors_named
from protobase_live.errors import CollectionUnloadable, ProtoBaseError, Unavailable
from protobase_storage import Commit, Snapshot, Storage

Ask = Callable[[str, Message], Awaitable[object]]
Delete = Callable[[str, bytes], Awaitable[None]]


class Home:
    """Takes commits, snapshots and deletions of other nodes."""

    def __init__(
        self,
        storage: Storage,
        asleep: Asleep,
        ask: Ask,
        ref: Callable[[str], Awaitable[Ref[Message]]],
        delete: Delete,
        clock: Clock,
        limits: Limits,
    ) -> None:
        """``ask``, ``ref`` and ``delete`` are the database's."""
        self.storage = storage
        self._asleep = asleep
        self._ask = ask
        self._ref = ref
        self._delete = delete
        self._clock = clock
        self._limits = limits
        most = limits.held_commit_bytes, limits.joint_collections
        self._joints = JointReplication(ask, self._show_together, *most)

    async def replicate(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories = NONE_KNOWN
    ) -> dict[str, Answer]:
        """Take commits of other nodes; see `JointReplication.replicate`.

        Collections that are not in memory are not loaded for it.
        """
        try:
            with errors_named("the storage"):
                answers = await self._asleep.replicate(commits, histories)
        except ProtoBaseError as error:
            return dict.fromkeys(commits, error)
        awake = {name: each for name, each in commits.items() if name not in answers}
        return answers | (await self._joints.replicate(awake, histories) if awake else {})

    async def install(self, snapshot: Snapshot, history: History) -> Replicated:
        """Take what a collection came to on another node; durable on return.

        Raises CollectionDropped if ``history`` is over here, and what `Replica.install` raises.
        """
        return cast(Replicated, await self._ask(snapshot.collection, Install(snapshot, history)))

    async def take_states(self, states: Sequence[State]) -> dict[str, Answer]:
        """Take what collections came to on another node; durable on return, and shown as one.

        Those that can never be taken are told so, and the others are taken without them, still as one.
        """
        answers: dict[str, Answer] = {}
        snapshots: dict[str, tuple[Snapshot, History]] = {}
        try:
            for each in states:
                try:
                    snapshots[each.collection] = await self._takeable(each), each.history
                except (*NEVER_TAKEN, CollectionUnloadable) as error:
                    answers[each.collection] = error
            await self._install_together(snapshots)
        except ProtoBaseError as error:
            return {state.collection: answers.get(state.collection, error) for state in states}
        for name, (snapshot, history) in snapshots.items():
            try:
                answers[name] = await self.install(snapshot, history)
            except ProtoBaseError as error:
                answers[name] = error
        return answers

    async def _takeable(self, state: State) -> Snapshot:
        """What is to be taken in. Raises what keeps it from being taken; so none waits for it in vain."""
        snapshot = await self._snapshot(state)
        await self._ask(state.collection, Replicate((), state.history))
        return snapshot

    async def _snapshot(self, state: State) -> Snapshot:
        updates = state.updates
        with errors_named(state.collection):
            whole = len(updates) == 1
            update = updates[0] if whole else await fold_aside(updates, self._clock, self._limits)
        return Snapshot(state.collection, update, state.vector, state.time)

    async def _install_together(self, snapshots: Mapping[str, tuple[Snapshot, History]]) -> None:
        if len(snapshots) > 1:
            await self._carry_out("snapshots of another node", JointSnapshots(snapshots))

    async def take_deletion(self, collection: str, remains: bytes) -> None:
        """Delete a collection that was deleted on another node, where that has left ``remains``.

        Durable on return. Nothing is done if it is known here.
        """
        await self._delete(collection, remains)

    @property
    def held(self) -> int:
        """Commits of transactions over several collections that wait for what they lack."""
        return self._joints.held

    def forget(self, collection: str) -> None:
        """The history of a collection is over: what is held of it is good for nothing."""
        self._joints.forget(collection)
        self._asleep.replaced(collection)

    async def _show_together(
        self, commits: Mapping[str, Sequence[Commit]], histories: KnownHistories
    ) -> None:
        await self._carry_out("a transaction of another node", JointParts(commits, histories))

    async def _carry_out(self, what: str, joint: JointParts | JointSnapshots) -> None:
        """Show what can be shown as one. Raises Unavailable if that failed, for whatever reason."""
        try:
            with errors_named(what):
                await commit_jointly(self.storage, self._ref, joint, self._clock, self._limits)
        except ProtoBaseError as error:
            # Whatever one of them failed on says nothing of the others, which are to be sent again with it.
            raise error if error.retryable else Unavailable(f"{what}: {error}") from error
