"""What processes say to each other through the servers of a stream, without storing it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from ..errors import StorageError
from .limits import UNSENT_BYTES
from .patient import Patient
from .stream import Unanswered, Unavailable
from .subjects import Subjects


class NatsChannel:
    """See `Channel`."""

    def __init__(self, stream: Patient, subjects: Subjects) -> None:
        self.message_bytes = stream.stream.payload_bytes
        self._stream = stream
        self._subjects = subjects
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._unsent_bytes = 0
        self._heard: dict[str, Callable[[bytes], None]] = {}
        self._ends: dict[str, Callable[[], None]] = {}
        """Of the topics that the servers send."""
        self._due: dict[str, None] = {}
        """Topics of which the servers are to be told whether somebody listens."""
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def say(self, topic: str, data: bytes) -> None:
        """See `Channel.say`."""
        if self._unsent_bytes + len(data) <= UNSENT_BYTES:
            self._unsent.append((self._subjects.said(topic), data))
            self._unsent_bytes += len(data)
            self._go_on()

    def listen(self, topic: str, heard: Callable[[bytes], None]) -> None:
        """See `Channel.listen`."""
        self._heard[topic] = heard
        self._due[topic] = None
        self._go_on()

    def unlisten(self, topic: str) -> None:
        """See `Channel.unlisten`."""
        if self._heard.pop(topic, None) is not None:
            self._due[topic] = None
            self._go_on()

    def when_again(self, tell: Callable[[], None]) -> None:
        """See `Channel.when_again`."""
        self._stream.stream.when_again(tell)

    def close(self) -> None:
        """Say and hear nothing more."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()

    def _go_on(self) -> None:
        if self._task is None and not self._closed:
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._wake.set()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            # Who asks the others on a topic has to hear what they answer.
            while self._due:
                await self._tell_servers(next(iter(self._due)))
            if self._unsent:
                subject, data = self._unsent.popleft()
                self._unsent_bytes -= len(data)
                with suppress(Unanswered, Unavailable, StorageError):  # it is lost
                    await self._stream.stream.say(subject, data)
            else:
                await self._wake.wait()

    async def _tell_servers(self, topic: str) -> None:
        """Begin or end to hear a topic. What the servers do not take now is told to them later."""
        if topic in self._heard and topic not in self._ends:
            with suppress(StorageError):
                self._ends[topic] = await self._stream.hear(
                    self._subjects.said(topic), lambda data: self._hear(topic, data)
                )
        elif topic not in self._heard and topic in self._ends:
            self._ends.pop(topic)()
        if (topic in self._heard) == (topic in self._ends):
            self._due.pop(topic, None)

    def _hear(self, topic: str, data: bytes) -> None:
        if heard := self._heard.get(topic):
            heard(data)
