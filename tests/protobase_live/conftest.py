"""A database over a storage whose flushes the test controls, and Yjs clients without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from random import Random

import pytest
from pycrdt import Doc

from protobase_actors import ManualClock
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import CatchUp, ShownUpdate, Sync, Updates
from protobase_live.database.database import Database
from protobase_live.document import Judge
from protobase_live.errors import ProtoBaseError
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from protobase_storage import Commit, MemoryStorage, Snapshot, StorageBusy, StorageError


class GatedStorage(MemoryStorage):
    """A memory storage that says 'durable' only when the gate is open, and can be made to fail or refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: StorageError | bool = False
        self.lies = False
        """Whether what it says has failed is stored all the same."""
        self.refuses = False
        self.compacted = asyncio.Event()
        self.appends: list[Sequence[Commit]] = []
        self._last: asyncio.Task[None] | None = None

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        self.appends.append(commits)
        if self.refuses:
            refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            refused.set_exception(StorageBusy("too much waits to be stored"))
            return refused
        self._last = asyncio.ensure_future(self._append(commits, self._last))
        return self._last

    async def compact(self, snapshot: Snapshot) -> None:
        await super().compact(snapshot)
        self.compacted.set()

    async def _append(self, commits: Sequence[Commit], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await self.gate.wait()
        if not self.failing or self.lies:
            await super().append(commits)
        if self.failing:
            raise StorageError("the disk is gone") if self.failing is True else self.failing


class YjsClient:
    """A Yjs client: a document and a Editor, without a socket."""

    def __init__(self, ref, author: str | None = None, reads: bool = True) -> None:
        self.author = author
        self.echo = False
        self.judge: Judge | None = None
        self.refusals: list[str] = []
        self.doc: Doc = Doc()
        self.reads = reads
        self.answers: list[Sequence[bytes]] = []
        self.greeted: bytes | None = None
        self.settled: list[bytes | None] = []
        self.shown: list[bytes] = []
        self._parts: list[bytes] = []
        self.rejected: ProtoBaseError | None = None
        self.resynced = False
        self._ref = ref
        self._edits: list[bytes] = []
        self._subscription = self.doc.observe(self._observe)
        self._remote = False

    def _observe(self, event) -> None:
        if not self._remote:
            self._edits.append(event.update)

    async def sync(self) -> None:
        await self._ref.tell(Sync(self, decode_state_vector(self.doc.get_state())))

    async def send(self) -> None:
        """Send what was edited."""
        edits, self._edits = self._edits, []
        await self._ref.tell(Updates(self, edits))

    async def catch_up(self) -> None:
        self.reads = True
        await self._ref.tell(CatchUp(self))

    def greet(self, state: bytes) -> None:
        self.greeted = state

    def answer(self, update: bytes, complete: bool) -> None:
        self._parts.append(update)
        if complete:
            updates, self._parts = self._parts, []
            self.answers.append(updates)
            self._take(updates)

    def settle(self, mark: bytes | None) -> None:
        self.settled.append(mark)

    def show(self, shown: ShownUpdate) -> bool:
        if self.reads:
            self.shown.append(shown.update)
            self._take([shown.update])
        return self.reads

    def put_back(self, reason: str) -> None:
        self.refusals.append(reason)

    def reject(self, error: ProtoBaseError) -> None:
        self.rejected = error

    def resync(self) -> None:
        self.resynced = True

    def _take(self, updates: Sequence[bytes]) -> None:
        self._remote = True
        for update in updates:
            self.doc.apply_update(update)
        self._remote = False


async def settle() -> None:
    """Let everything that can run now run."""
    for _ in range(50):
        await asyncio.sleep(0)


@pytest.fixture
def storage() -> GatedStorage:
    return GatedStorage()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
async def database(storage: GatedStorage, clock: ManualClock, limits: Limits) -> AsyncIterator[Database]:
    async with Database(storage, clock=clock, random=Random(1), limits=limits) as database:
        yield database
        storage.gate.set()


@pytest.fixture
def yjs(database: Database):
    async def join(collection: str, **options) -> YjsClient:
        client = YjsClient(await database.ref(collection), **options)
        await client.sync()
        await settle()
        return client

    return join
