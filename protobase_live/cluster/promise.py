"""What a node has promised to the owners of collections, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_actors import Clock
from protobase_live.errors import StorageFailed
from protobase_live.model.names import INTERNAL_PREFIX
from protobase_live.protocol.packing import as_bytes, as_number, as_text, pack, unpack
from protobase_storage import Commit, Snapshot, Storage

NAME = INTERNAL_PREFIX + "promise"
"""Under which it is stored: it is of this node alone, and goes to no other."""

LOG_COMMITS = 64
"""After so many the log of them is replaced by the last one."""

_ORIGIN = "promise"


@dataclass(frozen=True, slots=True)
class Promise:
    """Nothing of an earlier term is granted or stored, and of this term nothing for another node."""

    term: int = 0
    holder: str = ""
    accepted: tuple[int, int] = (0, 0)
    """The term and number of the last proposal that was stored."""
    proposal: bytes = b""


class PromiseStore:
    """Keeps the last promise."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._sequence = 0

    async def load(self) -> Promise:
        """What was stored last. Raises StorageError, StorageFailed."""
        loaded = await self._storage.load(NAME)
        self._sequence = loaded.vector.get(_ORIGIN, 0)
        if not loaded.updates:
            return Promise()
        try:
            term, holder, accepted, proposal = unpack(loaded.updates[-1])
            of, number = accepted
            return Promise(as_number(term), as_text(holder), (of, number), as_bytes(proposal))
        except (TypeError, ValueError) as error:
            raise StorageFailed(f"what this node has promised cannot be read: {error}") from error

    async def store(self, promise: Promise) -> None:
        """Durable on return. Raises StorageError; then it may be stored, or not."""
        self._sequence += 1  # one that failed may be on the disk all the same
        sequence, time = self._sequence, self._clock.time()
        packed = _packed(promise)
        await self._storage.append([Commit(_ORIGIN, sequence, NAME, packed, (), time)])
        if sequence % LOG_COMMITS == 0:
            await self._storage.compact(Snapshot(NAME, packed, {_ORIGIN: sequence}, time))

    async def forget(self, promise: Promise) -> None:
        """Store a promise, and have no byte left of those before. Raises StorageError."""
        self._sequence += 1
        vector = {_ORIGIN: self._sequence}
        snapshot = Snapshot(NAME, _packed(promise), vector, self._clock.time())
        await self._storage.erase(NAME, b"", snapshot)


def _packed(promise: Promise) -> bytes:
    return pack([promise.term, promise.holder, promise.accepted, promise.proposal])
