"""Asking a stream again where that does no harm."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

from ..errors import StorageError, StorageUnreachable
from .limits import CALLS_AT_ONCE, PAUSE_SECONDS
from .stream import Draft, Message, Stream, StreamState, Unanswered, Unavailable

Result = TypeVar("Result")


class Again:
    """Says when what is asked is answered again."""

    def __init__(self) -> None:
        self.times = 0
        """How often it was."""
        self._said = asyncio.Event()

    def say(self) -> None:
        """It is from now on."""
        self.times += 1
        self._said.set()  # wakes all who wait now
        self._said.clear()

    async def wait(self, seconds: float) -> None:
        """Until it is said, or so many seconds have passed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._said.wait()


class Pauses:
    """Pauses that double, for so many seconds in all, by the event loop's clock."""

    def __init__(self, seconds: float, again: Again | None = None) -> None:
        """``again`` ends a pause, and those after it are short again."""
        self._pause, self._longest = PAUSE_SECONDS
        self._end = asyncio.get_running_loop().time() + seconds
        self._again = again or Again()
        self._known = self._again.times

    async def rest(self) -> bool:
        """Wait before the next attempt. False: the time is up."""
        left = self._end - asyncio.get_running_loop().time()
        if left <= 0:
            return False
        if self._known != self._again.times:
            self._pause, self._known = PAUSE_SECONDS[0], self._again.times
        await self._again.wait(min(self._pause, left))
        self._pause = min(2 * self._pause, self._longest)
        return True


class Patient:
    """A `Stream`'s calls that may be repeated. They raise `StorageUnreachable`, and `Refused`."""

    def __init__(self, stream: Stream, seconds: float) -> None:
        """``seconds`` is how long each is asked for."""
        self.stream = stream
        self.seconds = seconds
        self._again = Again()
        stream.when_again(self._again.say)

    def pauses(self) -> Pauses:
        """Between attempts at something that is not among these calls."""
        return Pauses(self.seconds, self._again)

    async def store(self, subject: str, data: bytes) -> int:
        """See `Stream.store`; it may be stored twice."""
        return await self._ask(lambda: self.stream.store(subject, data))

    async def last(self, subject: str) -> Message | None:
        """See `Stream.last`."""
        return await self._ask(lambda: self.stream.last(subject))

    async def subjects(self, pattern: str) -> Mapping[str, int]:
        """See `Stream.subjects`."""
        return await self._ask(lambda: self.stream.subjects(pattern))

    async def wipe(self, sequence: int) -> None:
        """See `Stream.wipe`."""
        await self._ask(lambda: self.stream.wipe(sequence))

    async def wipe_all(self, sequences: Iterable[int]) -> None:
        """Wipe messages, many at once. One that cannot be wiped ends it, and is what it raises."""
        left = iter(sequences)

        async def work() -> None:
            for each in left:
                try:
                    await self.wipe(each)
                except StorageError:
                    deque(left, maxlen=0)  # the others begin nothing more
                    raise

        # Not a group of tasks, whose error would be a group of errors, which nobody expects of a storage.
        ended = await asyncio.gather(*[work() for _ in range(CALLS_AT_ONCE)], return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error

    async def publish_once(self, draft: Draft) -> int:
        """Store one message; its number. Raises `Outrun`, also if an answer was lost: then this is why."""
        return (await self._ask(lambda: self.stream.publish([draft])))[0]

    async def listen(self, subject: str, heard: Callable[[Message, int], None]) -> Callable[[], None]:
        """See `Stream.listen`."""
        return await self._ask(lambda: self.stream.listen(subject, heard))

    async def hear(self, subject: str, heard: Callable[[bytes], None]) -> Callable[[], None]:
        """See `Stream.hear`."""
        return await self._ask(lambda: self.stream.hear(subject, heard))

    async def time(self) -> str:
        """See `Stream.time`."""
        return await self._ask(self.stream.time)

    async def now(self) -> float:
        """`time`, in Unix seconds."""
        return seconds_of(await self.time())

    async def state(self, pattern: str) -> StreamState:
        """See `Stream.state`."""
        return await self._ask(lambda: self.stream.state(pattern))

    async def read_to_end(self, subject: str, after: int = 0) -> list[Message]:
        """All messages of a subject, or pattern, with higher numbers that are durable now.

        A replica may be behind: it is asked again until it has what the leader has.
        """
        found: list[Message] = []
        pauses = self.pauses()
        end = await self.last(subject)
        while end is not None and end.sequence > after:
            page = await self._read(subject, after)
            if page:
                found += page
                after = page[-1].sequence
                continue
            end = await self.last(subject)  # it may have been dropped meanwhile
            if end is not None and end.sequence > after and not await pauses.rest():
                raise StorageUnreachable(f"{self.stream.address}: no replica has message {end.sequence}")
        return found

    async def _read(self, subject: str, after: int) -> list[Message]:
        return await self._ask(lambda: self.stream.read(subject, after))

    async def _ask(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        pauses = self.pauses()
        while True:
            try:
                return await ask()
            except (Unanswered, Unavailable) as error:
                if not await pauses.rest():
                    raise StorageUnreachable(f"{self.stream.address}: {error}") from error


def seconds_of(time: str) -> float:
    """Unix seconds of what a server tells, which is RFC 3339 with nanoseconds."""
    return datetime.fromisoformat(f"{time[:19]}+00:00").timestamp()
