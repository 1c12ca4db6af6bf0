"""The transactions on owned collections, made into commits one after the other, and not stored yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from protobase_actors import Clock
from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.proposal import OwnedCommit
from protobase_live.cluster.voter import OWNER
from protobase_live.collection.limits import Limits
from protobase_live.collection.mistakes import nothing_done
from protobase_live.collection.shadow import Shadow
from protobase_live.errors import CollectionUnloadable, ProtoBaseError, StorageFailed
from protobase_live.model.cursor import Cursor
from protobase_live.model.operations import Check, Op
from protobase_live.model.schemas import Schemas
from protobase_storage import Commit, Joint, Storage, StorageError

JOINT_BITS = 64


@dataclass(frozen=True, slots=True)
class Request:
    """A transaction, and what it relies on."""

    writes: Mapping[str, Sequence[Op]]
    checks: Sequence[Check]
    author: str | None

    @property
    def names(self) -> list[str]:
        """Its collections, in order."""
        return sorted({*self.writes, *(check.collection for check in self.checks)})


class Shadows:
    """The owned collections that were used lately, as they are when all that was made is stored."""

    def __init__(
        self,
        storage: Storage,
        log: OwnedLog,
        term: int,
        clock: Clock,
        random: Random,
        limits: Limits,
        schemas: Schemas,
        most: int,
    ) -> None:
        """``most`` are kept in memory. ``schemas`` bind who writes."""
        self._storage = storage
        self._log = log
        self._timeline = f"{term}"
        self._clock = clock
        self._random = random
        self._limits = limits
        self._schemas = schemas
        self._most = most
        self._shadows: OrderedDict[str, Shadow] = OrderedDict()

    async def begin(self, names: Sequence[str]) -> dict[str, ProtoBaseError]:
        """Have these as they are durable, and no more than ``most`` of others; answers which cannot be read.

        What was made before must be durable: it is not waited for.
        """
        failed: dict[str, ProtoBaseError] = {}
        for name in names:
            try:
                await self._begin(name)
            except CollectionUnloadable as error:
                self.forget(name)
                failed[name] = error
            except StorageError as error:
                self.forget(name)
                failed[name] = StorageFailed(f"{name}: the owner cannot read it: {error}")
        while len(self._shadows) > max(self._most, len(names)):
            self.forget(next(iter(self._shadows)))
        return failed

    async def _begin(self, name: str) -> None:
        if (shadow := self._shadows.get(name)) is not None:
            is_of_this = shadow.history == await self._log.history(name)
            if not is_of_this or not await shadow.catch_up(self._storage):
                self.forget(name)
        if name not in self._shadows:
            how = self._storage, self._clock, self._random, self._limits, self._schemas.of(name)
            self._shadows[name] = await Shadow.load(name, OWNER, *how)
        self._shadows.move_to_end(name)

    async def transact(self, request: Request) -> tuple[list[OwnedCommit], dict[str, str]]:
        """The commits of a transaction, and a cursor of each collection that it wrote.

        Raises the ProtoBaseError that keeps it from being carried out, with nothing done; any other exception
        leaves something that nobody will store, and all shadows are good for nothing.
        """
        ready = {name: await self._prepare(name, request) for name in request.names}
        made: list[Commit] = []
        for name, ops in ready.items():
            if ops and (commit := await self._write(name, ops, request.author)) is not None:
                made.append(commit)
        if len(made) > 1:
            id = f"{self._random.getrandbits(JOINT_BITS):x}"
            joint = Joint(id, tuple(commit.collection for commit in made))
            made = [replace(commit, joint=joint) for commit in made]
        owned = [OwnedCommit(self._shadows[each.collection].history, each) for each in made]
        return owned, self.cursors([name for name, ops in ready.items() if ops])

    async def _prepare(self, name: str, request: Request) -> list[Op]:
        checks = [check for check in request.checks if check.collection == name]
        try:
            return await self._shadows[name].prepare(request.writes.get(name, ()), checks)
        except ProtoBaseError:
            raise
        except Exception as error:
            raise nothing_done("a transaction", error, name) from error

    async def _write(self, name: str, ops: Sequence[Op], author: str | None) -> Commit | None:
        try:
            return await self._shadows[name].write(ops, author, self._timeline)
        except ProtoBaseError as error:
            raise RuntimeError(f"{name}: what was prepared cannot be written: {error}") from error

    def cursors(self, names: Sequence[str]) -> dict[str, str]:
        """How far these are."""
        return {name: Cursor(self._shadows[name].vector).encode() for name in names}

    def forget(self, name: str) -> None:
        """One is something else now."""
        if (shadow := self._shadows.pop(name, None)) is not None:
            shadow.close()

    def close(self) -> None:
        """Let go of all of them."""
        for name in list(self._shadows):
            self.forget(name)
