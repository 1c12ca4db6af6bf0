"""A stream in memory, with the semantics and the faults of JetStream's, on the event loop's clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TypeVar

from .answers import Answers
from .limits import BATCH_MESSAGES, CALL_SECONDS
from .simulated_servers import StreamServers, now
from .stream import Connection, Draft, Message, Outrun, Refused, StreamState, Unanswered, Unavailable

PAYLOAD_BYTES = 1024 * 1024
"""What servers take by default."""

Result = TypeVar("Result")


@dataclass(slots=True)
class StreamFaults:
    """What may go wrong for one process from now on; durations in seconds, the others are probabilities."""

    delay: tuple[float, float] = (0.0, 0.0)
    """How long a request takes on its way there, and the same again on its way back, from and to; so long is
    under way, too, what is sent to who listens."""
    lost_request: float = 0.0
    """Nothing is done, and no answer comes."""
    lost_answer: float = 0.0
    """It is done, and no answer comes."""
    late_request: float = 0.0
    """No answer comes, and it is done `late_seconds` later."""
    late_seconds: float = 3.0
    repeated_request: float = 0.0
    """It comes to the servers twice."""
    lost_word: float = 0.0
    """What is sent to who listens does not come."""
    lag_seconds: float = 0.0
    """The replica that is read from may lack what was stored within that time, and have what was wiped."""


class SimulatedStream:
    """A `Stream`, as one process has it. What is done is done in one moment, between the two delays."""

    payload_bytes = PAYLOAD_BYTES

    def __init__(self, servers: StreamServers, random: Random | None = None) -> None:
        """Made by the process that uses it: what comes for it is taken on its host."""
        self.address = "simulated://stream"
        self.faults = StreamFaults()
        self._servers = servers
        self._random = random or Random(0)
        self._is_cut = False
        self._listening: dict[str, list[Callable[[Message, int], None]]] = {}
        self._hearing: dict[str, list[Callable[[bytes], None]]] = {}
        self._answers = Answers()
        self._coming: deque[tuple[float, Callable[[], None]]] = deque()
        self._context = copy_context()
        servers.add(self)

    # what goes wrong

    def cut(self) -> None:
        """No server can be reached."""
        self._is_cut = True

    def mend(self) -> None:
        """They can, and the process is told so."""
        if self._is_cut:
            self._is_cut = False
            self._answers.give_up("the connection was lost")
            self._answers.begin_again()

    def end(self) -> None:
        """The process has died: nothing more comes for it."""
        self._servers.remove(self)
        self._coming.clear()

    # the contract

    async def store(self, subject: str, data: bytes) -> int:
        """See `Stream.store`."""
        self._check([data])
        return await self._request(lambda: self._servers.store(subject, data), published=True)

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        """See `Stream.publish`."""
        self._check([draft.data for draft in drafts])
        return await self._request(lambda: self._servers.publish(drafts), published=True)

    async def last(self, subject: str) -> Message | None:
        """See `Stream.last`."""
        return await self._request(lambda: self._servers.last(subject))

    async def read(self, subject: str, after: int) -> list[Message]:
        """See `Stream.read`."""
        lacks, keeps = (self._random.uniform(0, self.faults.lag_seconds) for _ in range(2))
        return await self._request(lambda: self._servers.read(subject, after, lacks, keeps), leader=False)

    async def subjects(self, pattern: str) -> Mapping[str, int]:
        """See `Stream.subjects`."""
        return await self._request(lambda: self._servers.subjects(pattern))

    async def wipe(self, sequence: int) -> None:
        """See `Stream.wipe`."""
        await self._request(lambda: self._servers.wipe(sequence))

    async def time(self) -> str:
        """See `Stream.time`."""
        return await self._request(self._servers.moment)

    async def state(self, pattern: str) -> StreamState:
        """See `Stream.state`."""
        return await self._request(lambda: self._servers.state(pattern))

    def connection(self) -> Connection:
        """See `Stream.connection`."""
        return Connection("" if self._is_cut else "simulated", ("simulated",), 0)

    async def listen(self, subject: str, heard: Callable[[Message, int], None]) -> Callable[[], None]:
        """See `Stream.listen`; the subject is one of those under which logs are sent on."""
        log = subject.replace(".stored.", ".log.", 1)
        return self._subscribe(self._listening.setdefault(log, []), heard)

    async def say(self, subject: str, data: bytes) -> None:
        """See `Stream.say`."""
        self._check([data])
        self._require_connection()
        self._servers.say(subject, data)

    async def hear(self, subject: str, heard: Callable[[bytes], None]) -> Callable[[], None]:
        """See `Stream.hear`."""
        return self._subscribe(self._hearing.setdefault(subject, []), heard)

    def when_again(self, tell: Callable[[], None]) -> None:
        """See `Stream.when_again`."""
        self._answers.when_again(tell)

    async def close(self) -> None:
        """See `Stream.close`."""
        self.end()

    def _subscribe(self, subscribed: list[Result], heard: Result) -> Callable[[], None]:
        self._require_connection()
        subscribed.append(heard)

        def end() -> None:
            with suppress(ValueError):  # it is ended already
                subscribed.remove(heard)

        return end

    # what the servers send

    def tell_elected(self) -> None:
        """Another server leads the stream."""
        if not self._is_cut:
            self._answers.give_up("another server leads the stream now")
            self._answers.begin_again()

    def tell_stored(self, message: Message, before: int) -> None:
        """A message was stored, the one before it under its subject was this."""
        for heard in self._listening.get(message.subject, ()):
            self._send(partial(heard, message, before))

    def tell_said(self, subject: str, data: bytes) -> None:
        """Somebody has said this."""
        for heard in self._hearing.get(subject, ()):
            self._send(partial(heard, data))

    def _send(self, take: Callable[[], None]) -> None:
        if self._is_cut or self._happens(self.faults.lost_word):
            return
        seconds = self._random.uniform(*self.faults.delay)
        self._coming.append((now() + seconds, take))
        asyncio.get_running_loop().call_later(seconds, self._take, context=self._context)

    def _take(self) -> None:
        """What has come by now, in the order in which it was sent."""
        while self._coming and self._coming[0][0] <= now():
            self._coming.popleft()[1]()

    # requests

    async def _request(
        self, do: Callable[[], Result], *, leader: bool = True, published: bool = False
    ) -> Result:
        faults, term = self.faults, self._servers.term
        self._require_connection()
        await self._travel()
        if self._happens(faults.lost_request):
            await self._wait_in_vain()
        if self._happens(faults.late_request):
            asyncio.get_running_loop().call_later(faults.late_seconds, self._do_late, do, leader)
            await self._wait_in_vain()
        if self._servers.is_electing and leader and not published:
            await self._wait_in_vain()
        try:
            result = self._do(do, leader)
        except Outrun as outrun:
            result = outrun
        await self._travel()
        if self._is_cut or self._happens(faults.lost_answer) or term != self._servers.term:
            await self._wait_in_vain()
        if isinstance(result, Outrun):
            raise result
        return result

    def _do(self, do: Callable[[], Result], leader: bool) -> Result:
        self._servers.require(leader=leader)
        result = do()
        if self._happens(self.faults.repeated_request):
            with suppress(Outrun):
                do()
        return result

    def _do_late(self, do: Callable[[], object], leader: bool) -> None:
        with suppress(Outrun, Unavailable):
            self._servers.require(leader=leader)
            do()

    async def _wait_in_vain(self) -> None:
        async with self._answers.awaited():
            await asyncio.sleep(CALL_SECONDS)
        raise Unanswered("no answer comes")

    def _check(self, datas: Sequence[bytes]) -> None:
        if len(datas) > BATCH_MESSAGES:
            raise Refused(f"{self.address}: atomic publish batch too large (10199)")
        if any(len(data) > self.payload_bytes for data in datas):
            raise Refused(f"{self.address}: maximum payload exceeded")

    def _require_connection(self) -> None:
        if self._is_cut:
            raise Unavailable("no server can be reached")

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._random.random() < probability

    async def _travel(self) -> None:
        least, most = self.faults.delay
        if most:
            await asyncio.sleep(self._random.uniform(least, most))
