"""Presence as a program uses it, embedded and over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from copy import deepcopy
from types import TracebackType
from typing import Any, Protocol

from protobase_live.errors import Closed, ProtoBaseError
from protobase_live.handles.home_loop import HomeLoop
from protobase_live.model.arguments import plain_state

Hear = Callable[[Mapping[int, Any], bool], None]
"""Is told states by client id, None for one that is gone; True: there are no others."""

Fail = Callable[[ProtoBaseError], None]
"""Is told why nothing more comes: the database or client is closed."""


class PresenceLine(Protocol):
    """What a `Presence` reaches the others through."""

    async def join(self, client: int, hear: Hear, fail: Fail) -> None:
        """Begin to hear of the others as ``client``, until it leaves or ``fail`` is told that it ends."""
        ...

    async def say(self, client: int, state: Any) -> None:
        """Tell the others who ``client`` is."""
        ...

    async def leave(self, client: int) -> None:
        """Tell the others that ``client`` is gone, and hear no more."""
        ...


class Presence:
    """Who else is in a collection: ``async with tasks.presence({"name": "ann"}) as presence: ...``

    Iterating gives all states whenever they changed; changes that nobody waited for are given as one.
    Entering raises Forbidden where it is not permitted, if there is a connection.
    """

    def __init__(self, line: PresenceLine, client: int, state: Any) -> None:
        """``client`` is this one's id, ``state`` what the others see of it, None for nothing."""
        self._line = line
        self._client = client
        self._state = state
        self._states: dict[int, Any] = {}
        self._changed = asyncio.Event()  # remembers what nobody waited for
        self._home = HomeLoop()
        self._entered = False
        self._left = False
        self._end: ProtoBaseError | None = None

    def __repr__(self) -> str:
        state = ", left" if self._left else "" if self._entered else ", not entered: use 'async with'"
        return f"<Presence of client {self._client} among {len(self._states)}{state}>"

    async def __aenter__(self) -> Presence:
        if self._entered:
            raise Closed("a presence is entered once; ask for another")
        self._home.require()
        self._entered = True
        await self._line.join(self._client, self._hear, self._fail)
        try:
            await self.set(self._state)  # none is said, too: the answer tells who may not be present
        except BaseException:
            await self._line.leave(self._client)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._home.require()
        self._left = True
        self._changed.set()
        await self._line.leave(self._client)

    @property
    def client(self) -> int:
        """The id that the others see this one under."""
        return self._client

    @property
    def states(self) -> dict[int, Any]:
        """Everybody's state by client id, one's own included."""
        return dict(self._states)

    async def set(self, state: Any) -> None:
        """Show the others a new state: anything that JSON can say, None to be there unseen.

        Raises ValidationError, LimitExceeded, and Closed outside of the block.
        """
        if not self._entered or self._left:
            raise Closed("presence is set inside of its 'async with'")
        self._home.require()
        plain = plain_state(self._client, state)
        await self._line.say(self._client, plain)
        self._hear({self._client: deepcopy(plain)}, False)  # a line says its own again later

    def __aiter__(self) -> AsyncIterator[dict[int, Any]]:
        return self

    async def __anext__(self) -> dict[int, Any]:
        """All states, when they have changed; ends with the block. Raises Closed before, and when the
        database is closed, or what ended the client for good."""
        if not self._entered:
            raise Closed("the presence is not open: use 'async with'")
        self._home.require()
        await self._changed.wait()
        if self._left:
            raise StopAsyncIteration
        if self._end is not None:
            raise self._end
        self._changed.clear()
        return self.states

    def _hear(self, states: Mapping[int, Any], complete: bool) -> None:
        if complete:
            mine = {client: state for client, state in self._states.items() if client == self._client}
            self._states = mine
        for client, state in states.items():
            if state is None:
                self._states.pop(client, None)
            else:
                self._states[client] = state
        self._changed.set()

    def _fail(self, error: ProtoBaseError) -> None:
        self._end = error
        self._changed.set()
