"""Attackers at the Yjs door: impossible updates in bursts, each burst over a connection of its own."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from itertools import count
from random import Random

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from tests.support import raw
from tests.support.impossible_updates import Attacker

BURST_FRAMES = 30
"""Most frames of one connection. The next one waits for the server to have closed this one, or to have
answered it: so nobody comes back faster than the server serves him."""


class Attack:
    """One attacker of one collection."""

    def __init__(self, url: str, room: str, random: Random, attacker: Attacker) -> None:
        self._url = url
        self._room = room
        self._random = random
        self._attacker = attacker
        self._visits = count()
        self.sent = 0
        """Frames so far."""
        self.taken = 0
        """Bursts after which the server had not refused anything."""

    async def run(self, frames: int, innocent: Collection[int]) -> None:
        """Send at least so many frames."""
        end = self.sent + frames
        while self.sent < end:
            with suppress(ConnectionClosed, InvalidStatus):
                await self._visit(innocent)
                self.taken += 1

    async def _visit(self, innocent: Collection[int]) -> None:
        """A connection under a token of its own, as the server slows who comes back after a refusal."""
        token = f"{self._random.random()}{next(self._visits)}"
        async with await raw.dial(self._url, self._room, f"?token={token}") as connection:
            known = await _greeting(connection)
            self._attacker.know(decode_state_vector(known), innocent)
            for _ in range(self._random.randint(1, BURST_FRAMES)):
                await connection.send(self._frame())
                self.sent += 1
            await connection.send(yjs.encode_step1(known))
            while not isinstance(await raw.receive(connection), yjs.SyncStep2):
                pass

    def _frame(self) -> bytes:
        update = self._attacker.next()
        if self._random.random() < 0.02:
            update = update[: self._random.randrange(len(update))]
        encode = yjs.encode_step2 if self._random.random() < 0.2 else yjs.encode_update
        return encode(update)


async def _greeting(connection: ClientConnection) -> bytes:
    """The state vector that the server opens with."""
    while not isinstance(message := await raw.receive(connection), yjs.SyncStep1):
        pass
    return message.state_vector
