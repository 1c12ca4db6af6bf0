"""One connection to another node, from the first word to the last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, TypeVar

from protobase_actors import Clock, within
from protobase_live.cluster.calls import Calls
from protobase_live.cluster.channel import Channel
from protobase_live.cluster.incoming import Home, Incoming
from protobase_live.cluster.outgoing import Outgoing
from protobase_live.cluster.presence_line import PresenceLine
from protobase_live.cluster.serving import Serve, nobody
from protobase_live.errors import ProtoBaseError, ProtocolError, Unavailable
from protobase_live.protocol.peer.handshake import NONCE_BYTES, VERSIONS, Handshake
from protobase_live.protocol.peer.messages import (
    Answer,
    Beat,
    Call,
    Commits,
    Introduce,
    PeerMessage,
    Presence,
    Prove,
    Taken,
    decode,
    encode,
)
from protobase_storage import StorageError

if TYPE_CHECKING:
    from protobase_live.cluster.limits import ClusterLimits
    from protobase_live.cluster.source import Source
    from protobase_live.presence.hub import PresenceHub

TAKEN_BYTES = 1024 * 1024
"""Bytes of commits behind which no further message that waits is taken in the same go: the storage flushes
once for all of them. Where much is written a little at a time, many messages of a few commits wait."""

Beats = Callable[[], tuple[str, ...]]
"""Whom this node is linked with."""

Said = TypeVar("Said", Introduce, Prove)

QUEUED_MESSAGES = 1_024
"""Messages that were read and not yet taken; with more the connection is not read. The window of the other
node bounds their bytes."""


class Link:
    """What two nodes send each other over one channel."""

    def __init__(
        self,
        channel: Channel,
        own_node: str,
        home: Home,
        source: Source,
        presence: PresenceHub,
        limits: ClusterLimits,
        clock: Clock,
        serve: Serve = nobody,
    ) -> None:
        """``serve`` answers what the other node asks."""
        self.node = ""
        """Who is at the other end, once `meet` has ended."""
        self.dialer = ""
        """Which of both nodes has opened the connection."""
        self.linked: tuple[str, ...] = ()
        """The nodes that the other one is linked with."""
        self.silent_seconds = 0.0
        """How long nothing has come from the other node, in beats of this one."""
        self.outgoing = Outgoing(source, limits, clock, self._send)
        self.calls = Calls(self._send, serve, limits.link_calls)
        """What both ask each other."""
        self._incoming = Incoming(home, self.outgoing, limits, self._send)
        self._hub = presence
        self._presence: PresenceLine | None = None
        self._channel = channel
        self._own_node = own_node
        self._limits = limits
        self._clock = clock
        self._heard = 0
        """Messages that have come."""
        self._queue = asyncio.Queue[PeerMessage](QUEUED_MESSAGES)
        self._over: asyncio.Future[ProtoBaseError] = asyncio.get_running_loop().create_future()

    async def meet(self, secret: bytes, random: Random, *, dialed: bool) -> None:
        """Find out who is at the other end, and that both know the secret.

        Raises Unauthorized, ValidationError, ProtocolError, Closed, and Unavailable if it takes too long.
        """
        own = Introduce(self._own_node, VERSIONS, random.randbytes(NONCE_BYTES))
        try:
            await within(self._clock, self._limits.meeting_seconds, self._meet(secret, own, dialed))
        except TimeoutError:
            seconds = self._limits.meeting_seconds
            raise Unavailable(f"did not say who it is within {seconds} s (meeting_seconds)") from None

    async def _meet(self, secret: bytes, own: Introduce, dialed: bool) -> None:
        handshake = Handshake(secret, own, dialed=dialed)
        await self._send(own)
        other = await self._expect(Introduce)
        handshake.meet(other)
        await self._send(Prove(handshake.proof()))
        handshake.check((await self._expect(Prove)).proof)
        self.node = other.node
        self.dialer = own.node if dialed else other.node
        self._channel.trust()

    async def run(self, linked: Beats) -> None:
        """Send and take until the connection ends, or `end` is called.

        Raises the reason: Closed, Unavailable, ProtocolError, LimitExceeded.
        """
        self._presence = PresenceLine(self._hub, self.node, self._send)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._presence.run())
                tasks.create_task(self._read())
                tasks.create_task(self._take())
                tasks.create_task(self._watch())
                tasks.create_task(self._beat(linked))
                tasks.create_task(self._send_all())
                raise await self._over
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        finally:
            self._presence.end()
            self.calls.end()

    def end(self, reason: ProtoBaseError) -> None:
        """End it soon; `run` raises the reason."""
        if not self._over.done():
            self._over.set_result(reason)

    async def close(self, code: int, reason: str) -> None:
        """End it, and tell the other node why, as far as it listens."""
        with suppress(Exception):
            await self._channel.close(code, reason)

    async def _send_all(self) -> None:
        try:
            await self.outgoing.introduce()
            await self.outgoing.run()
        except StorageError as error:
            raise Unavailable(f"the storage of this node cannot be read: {error}") from error

    async def _read(self) -> None:
        while True:
            message = decode(await self._channel.receive())
            self._heard += 1
            if isinstance(message, Beat):
                self.linked = message.linked
            elif isinstance(message, Presence):
                if self._presence is not None:
                    self._presence.apply(message)
            elif isinstance(message, Call | Answer):
                self.calls.take(message)
            elif message is not None:
                await self._queue.put(message)

    async def _take(self) -> None:
        while True:
            messages = [await self._queue.get()]
            size = _size_of(messages[0])
            while size < TAKEN_BYTES and not self._queue.empty():
                messages.append(self._queue.get_nowait())
                size += _size_of(messages[-1])
            await self._incoming.take(messages)

    async def _watch(self) -> None:
        """End it when nothing has come for too long, in which this node could have heard it.

        While it is busy with other things, or has so much to take that it does not read, nothing can come. A
        part of a long message is something: the beats of the other node wait behind it.
        """
        beat = self._limits.beat_seconds
        while True:
            heard, unfinished = self._heard, self._channel.unfinished
            await self._clock.sleep(beat)
            came = (self._heard, self._channel.unfinished) != (heard, unfinished) or self._queue.full()
            self.silent_seconds = 0.0 if came else self.silent_seconds + beat
            if self.silent_seconds > self._limits.dead_seconds:
                raise Unavailable(f"nothing came for {self._limits.dead_seconds} s (dead_seconds)")

    async def _beat(self, linked: Beats) -> None:
        while True:
            await self._send(Beat(linked()))
            await self._clock.sleep(self._limits.beat_seconds)

    async def _send(self, message: PeerMessage) -> None:
        await self._channel.send(encode(message))

    async def _expect(self, kind: type[Said]) -> Said:
        data = await self._channel.receive()
        if len(data) > self._limits.meeting_bytes:
            raise ProtocolError(f"has sent {len(data)} bytes before it was known (meeting_bytes)")
        message = decode(data)
        if not isinstance(message, kind):
            raise ProtocolError(f"{kind.__name__} was expected, not {type(message).__name__}")
        return message


def _size_of(message: PeerMessage) -> int:
    """Bytes of the commits of a message. Answers bring none; with anything else a go ends."""
    if isinstance(message, Commits):
        return sum(len(form) for _, forms in message.commits.values() for form in forms)
    return 0 if isinstance(message, Taken) else TAKEN_BYTES
