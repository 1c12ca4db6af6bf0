"""Change streams of a database: where each gets what it tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast

from protobase_actors import ActorPool
from protobase_live.changes.feed import Subscribed
from protobase_live.changes.stream import ChangeStream
from protobase_live.collection.messages import Message, Subscribe, Unsubscribe
from protobase_live.database.goodbyes import Goodbyes
from protobase_live.database.known_errors import errors_named
from protobase_live.database.opened import OpenedStructures
from protobase_live.document.targets import kind_at
from protobase_live.model.arrival import Arrival
from protobase_live.model.names import known_collection
from protobase_live.model.operations import Target
from protobase_storage import Storage


class Streaming:
    """Makes them."""

    def __init__(
        self,
        ask: Callable[[str, Message], Awaitable[object]],
        pool: ActorPool[Message],
        storage: Storage,
        opened: OpenedStructures,
        arrival: Callable[[], Arrival],
        require_home: Callable[[], None],
    ) -> None:
        """``ask``, ``arrival`` and ``require_home`` are the database's; this one raises in another event loop
        than its own.
        """
        self._ask = ask
        self._pool = pool
        self._storage = storage
        self._opened = opened
        self._arrival = arrival
        self._require_home = require_home
        self._goodbyes = Goodbyes()

    def changes(self, collection: str, since: str | None, *structures: Target) -> ChangeStream:
        """A stream of the collection's changes, from ``since`` or, if None, from now on.

        From now on ``structures`` count as opened. Raises ValidationError for one that there cannot be.
        """
        known_collection(collection)
        for each in structures:
            kind_at(each)
            self._opened.add(collection, each)
        opened = partial(self._opened.of, collection)

        async def subscribe(stream: object) -> Subscribed:
            return cast(Subscribed, await self._ask(collection, Subscribe(stream, opened())))

        def unsubscribe(stream: object) -> None:
            if (ref := self._pool.peek(collection)) is not None and ref.accepts:
                self._goodbyes.say(ref, Unsubscribe(stream))

        async def load() -> Any:
            with errors_named(collection):
                return await self._storage.load(collection)

        how = subscribe, unsubscribe, load, self._arrival(), self._require_home, opened
        return ChangeStream(collection, since, *how)
