"""Questions that nodes ask each other over a link, each with one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from protobase_actors import OrderedSet
from protobase_live.cluster.serving import Serve
from protobase_live.errors import Closed, Overloaded, ProtoBaseError, Unavailable
from protobase_live.protocol.peer.messages import Answer, Call, PeerMessage
from protobase_storage import StorageError


class Calls:
    """Those of one link, both ways."""

    def __init__(self, send: Callable[[PeerMessage], Awaitable[None]], serve: Serve, most: int) -> None:
        """``most`` may be under way each way; what another node asks beyond that is left unanswered."""
        self._send = send
        self._serve = serve
        self._most = most
        self._number = 0
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._serving: OrderedSet[asyncio.Task[None]] = OrderedSet()

    async def ask(self, name: str, body: bytes) -> bytes:
        """The other node's answer.

        Raises Closed if the link ends first, Unavailable if there is none, and Overloaded.
        """
        if len(self._waiting) >= self._most:
            raise Overloaded(f"{self._most} questions to this node wait already (link_calls)")
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._send(Call(number, name, body))
            return await answer
        finally:
            del self._waiting[number]

    async def tell(self, name: str, body: bytes) -> None:
        """Ask, and pass over the answer. Raises Closed."""
        self._number += 1
        await self._send(Call(self._number, name, body))

    def take(self, message: Call | Answer) -> None:
        """The other node asks, or answers."""
        if isinstance(message, Call):
            if len(self._serving) < self._most:
                task = asyncio.get_running_loop().create_task(self._answer(message))
                self._serving.add(task)
                task.add_done_callback(self._serving.discard)
        elif (waiting := self._waiting.get(message.number)) is not None and not waiting.done():
            if message.body is None:
                waiting.set_exception(Unavailable("the other node does not answer that"))
            else:
                waiting.set_result(message.body)

    def end(self) -> None:
        """The link has ended."""
        for task in list(self._serving):
            task.cancel()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(Closed("the link ended before the answer came"))
                waiting.exception()  # who asks may fail in sending, and wait for no answer

    async def _answer(self, call: Call) -> None:
        try:
            body = await self._serve(call.name, call.body)
        except (ProtoBaseError, StorageError):
            body = None
        with suppress(Closed):  # who asked is told so by the end of the link
            await self._send(Answer(call.number, body))
