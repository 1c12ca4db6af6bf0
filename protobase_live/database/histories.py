"""Collections that are deleted, and put back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from protobase_actors import to_the_end
from protobase_live.cluster.promise import NAME as PROMISE
from protobase_live.collection.asleep import Asleep
from protobase_live.collection.former import delete_unread, erase_unread, history_of
from protobase_live.collection.identity import Identity
from protobase_live.collection.messages import Drop, Erase, Message, Question, Restore
from protobase_live.collection.outlet import Outlet
from protobase_live.collection.put_back import put_back
from protobase_live.collection.quarantine import Quarantine
from protobase_live.database.known_errors import errors_named
from protobase_live.errors import CollectionUnloadable, InvalidName, StorageFailed
from protobase_live.model.erasure import NeverThere
from protobase_live.model.names import known_collection, known_name, stored_name
from protobase_live.model.operations import RECORDS, Read
from protobase_storage import CollectionCorrupt, Loaded, Storage


class Histories:
    """Ends the histories of a database's collections, and begins others in their places."""

    def __init__(
        self,
        storage: Storage,
        ask: Callable[[str, Message], Awaitable[object]],
        identity: Identity,
        quarantine: Quarantine,
        outlet: Outlet,
        asleep: Asleep,
        is_over: Callable[[str], None],
    ) -> None:
        """``ask`` is the database's; ``is_over`` is told of which collection a history has ended."""
        self._storage = storage
        self._ask = ask
        self._identity = identity
        self._quarantine = quarantine
        self._outlet = outlet
        self._asleep = asleep
        self._is_over = is_over

    async def require_name(self, collection: str) -> None:
        """Raise InvalidName for a name that no collection can have, unless something is stored under it.

        Earlier versions may have stored it: whatever there is can be backed up, deleted and put back, in
        another database, too.
        """
        try:
            known_collection(collection)
        except InvalidName:
            if not await self._has_stored(stored_name(collection)):
                raise

    async def _has_stored(self, collection: str) -> bool:
        try:
            with errors_named(collection), suppress(CollectionCorrupt):
                standing = await self._storage.standing(collection)
                return bool(standing.vector or standing.remains)
        except InvalidName:  # no storage takes it
            return False
        return True

    async def delete(self, collection: str, remains: bytes = b"") -> None:
        """Delete a collection; ``remains`` as in `Drop`. Durable on return."""
        await self._replace(
            collection,
            Drop(remains),
            lambda: delete_unread(self._storage, collection, remains, self._identity.timeline()),
        )

    async def erase(self, collection: str, key: str | None) -> bool:
        """Have no byte left of a collection, or of a record of it and its past; durable on return.

        Answers with whether it was there. Raises ValidationError for a collection that was never here,
        InvalidName for what is no key, CollectionUnloadable for a record of what cannot be loaded, and what
        `Replica.erase` raises.
        """

        async def erase() -> bytes:
            if key is not None:
                reason = "so no record of it can be erased alone; erase all of it, or repair it first"
                raise CollectionUnloadable(f"collection {collection!r} cannot be loaded, {reason}")
            return await erase_unread(self._storage, collection, self._identity.timeline())

        if key is not None:
            known_name(key)
        was_there = await self._was_there(collection, key)
        await self._replace(collection, Erase(key), erase)
        return was_there

    async def _was_there(self, collection: str, key: str | None) -> bool:
        """As far as it can be told: what cannot be read is there. Raises ValidationError as `erase` does."""
        with errors_named(collection), suppress(CollectionCorrupt):
            standing = await self._storage.standing(collection)
            accepted = (await self._storage.standing(PROMISE)).vector  # which may be of any collection
            if not (standing.vector or standing.remains or accepted):
                never = f"there is no collection {collection!r} here, and none was deleted"
                raise NeverThere(f"{never}: nothing was there to erase")
        with suppress(CollectionUnloadable, InvalidName, StorageFailed):
            return await self.has(collection, key)
        return True

    async def has(self, collection: str, key: str | None) -> bool:
        """Whether anything is in a collection or, with ``key``, that record."""
        if key is None:
            with errors_named(collection):
                return bool((await self._storage.standing(collection)).vector)
        return bool(await self._ask(collection, Question(Read(RECORDS, "contains", (key,)))))

    async def restore(self, collection: str, stored: Loaded) -> None:
        """Put back what was stored. Durable on return. Raises ValidationError as `put_back` does."""
        await self._replace(
            collection,
            Restore(stored),
            lambda: put_back(self._storage, collection, stored, self._identity.timeline()),
        )

    async def _replace(
        self, collection: str, message: Drop | Erase | Restore, without_actor: Callable[[], Awaitable[bytes]]
    ) -> None:
        """Have the collection's actor do it or, where there can be none, ``without_actor``.

        That answers with the remains that are there then.
        """
        self._identity.renew()  # before any actor can begin with what comes after
        try:
            await self._ask(collection, message)
        except (CollectionUnloadable, InvalidName):
            await to_the_end(self._replace_unread(collection, message, without_actor))
        finally:  # who has asked may have gone, and it is carried out all the same
            self._is_over(collection)

    async def _replace_unread(
        self, collection: str, message: Drop | Erase | Restore, without_actor: Callable[[], Awaitable[bytes]]
    ) -> None:
        # What comes meanwhile is not stored: it would stand behind the end of its history.
        async with self._asleep.keeping([collection]) as kept:
            if kept:
                with errors_named(collection):
                    remains = await without_actor()
                self._is_over(collection)
                self._quarantine.release(collection)
                self._outlet.replaced(collection, history_of(remains))
                return
        await self._ask(collection, message)  # it could be loaded after all
