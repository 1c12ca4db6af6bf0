"""What this node has of one collection in memory: the document, and which commits have made it."""

from __future__ import annotations

import asyncio

from protobase_actors import Clock
from protobase_live.database.former import Former
from protobase_live.database.identity import Identity
from protobase_live.database.put_back import put_back
from protobase_live.database.quarantine import unloadable
from protobase_live.database.steps import in_steps
from protobase_live.document import Document, Outcome
from protobase_live.errors import ProtoBaseError
from protobase_live.operations import INDEXES, Read
from protobase_storage import (
    TIMELINE_MARK,
    CollectionCorrupt,
    Commit,
    Loaded,
    Storage,
    StorageError,
    join,
    sequence_of,
)


class Replica:
    """The document with everything that was applied, be it durable yet or not."""

    def __init__(self, collection: str, storage: Storage, clock: Clock, identity: Identity) -> None:
        self._client_id = identity.client_id(collection)
        self.document = Document(storage.identity, self._client_id)
        self.former = Former()
        """Whose copies of the collection are of a deleted history."""
        self.vector: dict[str, int] = {}
        """Which commits were applied."""
        self._collection = collection
        self._storage = storage
        self._clock = clock
        self._origin = storage.identity + TIMELINE_MARK + identity.timeline()

    async def load(self, *, watched: bool) -> Loaded:
        """Begin with what is durable; ``watched`` as in `Document.watch`.

        Raises CollectionUnloadable for what goes wrong with what is stored, and StorageError.
        """
        try:
            return await self._load(watched)
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        except StorageError as error:
            if not isinstance(error, CollectionCorrupt):
                raise
            raise unloadable(self._collection, error) from error
        except BaseException as error:  # a panic of pycrdt derives from BaseException alone
            raise unloadable(self._collection, error) from error

    async def _load(self, watched: bool) -> Loaded:
        loaded = await self._storage.load(self._collection)
        document = Document(self._storage.identity, self._client_id)
        try:
            await in_steps(document.load(loaded.updates))
        except BaseException:
            document.close()
            raise
        document.watch(watched)
        document.follow(self.document.followed)
        self.document.close()
        self.document = document
        self.vector = dict(loaded.vector)
        self.former = Former(loaded.remains)
        return loaded

    def commit(self, outcome: Outcome) -> Commit:
        """What a turn came to, as the next commit of this origin; its sequences have no gap."""
        sequence = sequence_of(self.vector, self._origin) + 1
        self.vector = join(self.vector, {self._origin: sequence})
        return Commit(
            self._origin, sequence, self._collection, outcome.update, outcome.parts, self._clock.time()
        )

    async def replace(self, restored: Loaded | None) -> None:
        """Store another history in the place of this one, or none. What is here is good for nothing then.

        Raises ValidationError as `put_back` does, and StorageError.
        """
        if restored is None:
            remains = self.former.remains(self.document.vector)
            await self._storage.delete(self._collection, remains)
        else:
            await put_back(self._storage, self._collection, restored)

    def indexes(self) -> list[str]:
        """The declarations of indexes; whatever a Yjs client put in their place is none."""
        try:
            return list(self.document.read(Read(INDEXES, "keys")))
        except ProtoBaseError:
            return []

    def close(self) -> None:
        """Let go of the document."""
        self.document.close()
