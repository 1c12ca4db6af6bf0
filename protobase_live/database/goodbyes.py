"""Messages to collections that need no answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from protobase_actors import ActorError, OrderedSet, Ref
from protobase_live.collection.messages import Message


class Goodbyes:
    """Those that wait for room in a mailbox."""

    def __init__(self) -> None:
        self._tasks: OrderedSet[asyncio.Task[None]] = OrderedSet()

    def say(self, ref: Ref[Message], message: Message) -> None:
        """Send a message, even if there is no room for it right now."""
        task = asyncio.get_running_loop().create_task(_tell(ref, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _tell(ref: Ref[Message], message: Message) -> None:
    with suppress(ActorError):  # an actor that is gone needs no goodbye
        await ref.tell(message)
