"""Attackers at all doors of a running server, many frames a connection: each visit is one connection.

An attacker sends what it has in one write, and a ping behind it: so it learns that all of it was read, or
that the server has closed. Whoever is answered neither for `PATIENCE_SECONDS` fails.
"""

from __future__ import annotations

import asyncio
import re
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf, nan
from random import Random

from protobase_live.protocol.peer.handshake import NONCE_BYTES, VERSIONS, Handshake
from protobase_live.protocol.peer.messages import Commits, Introduce, Prove, decode, encode
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed
from protobase_storage import Commit
from protobase_storage.commit_format import pack_commit
from tests.support.frame_mutations import Mutator
from tests.support.hocuspocus import AUTH
from tests.support.impossible_updates import Attacker
from tests.support.recorded_sessions import ROOM, Session
from tests.support.socket_frames import CLOSE, PING, PONG, frame, head_at, upgrade

PATIENCE_SECONDS = 30.0
QUIET_SECONDS = 0.05
"""A server that is silent for so long has probably taken everything; who leaves at once is not heard out."""
VISIT_FRAMES = 60
"""Most frames of one connection."""
ROOM_FRAMES = 4_000
"""After so many frames an attacker goes on in another collection: full ones take nothing more."""
HTTP_SECONDS = 0.5
"""How long an attacker waits for answers to requests that may be half of one."""


class Socket:
    """A bare connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._unread = bytearray()

    @classmethod
    async def open(cls, port: int) -> Socket:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        self._writer.transport.abort()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def end(self) -> None:
        """Nothing more is sent."""
        self._writer.write_eof()

    async def begin(self, path: str, *headers: str) -> bool:
        """Ask for a WebSocket connection; whether there is one."""
        await self.send(upgrade(path, *headers))
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
        return head.startswith(b"HTTP/1.1 101")

    async def hear(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame. Raises ConnectionError at the end."""
        while (found := head_at(self._unread, 0)) is None or found[3] > len(self._unread):
            await self._read()
        opcode, _, begin, end = found
        payload = bytes(self._unread[begin:end])
        del self._unread[:end]
        return opcode, payload

    async def hear_message(self) -> bytes:
        """The next message, past pings and pongs. Raises ConnectionError at the end."""
        while True:
            opcode, payload = await self.hear()
            if opcode == CLOSE:
                raise ConnectionResetError("the server has closed the connection")
            if opcode not in (PING, PONG):
                return payload

    async def drain(self) -> None:
        """Read until the server has read everything and says nothing more, or closes."""
        opcode = None
        async with asyncio.timeout(PATIENCE_SECONDS):
            while opcode not in (PONG, CLOSE):
                opcode, _ = await self.hear()
        with suppress(TimeoutError):
            while opcode != CLOSE:
                async with asyncio.timeout(QUIET_SECONDS):
                    opcode, _ = await self.hear()

    async def rest(self) -> None:
        """Read until the server has said everything, for a while."""
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(HTTP_SECONDS):
                while True:
                    await self._read()

    async def found(self, before: bytes, behind: bytes) -> bytes:
        """What stands between these, once it has come. Raises ConnectionError at the end."""
        while (found := re.search(b"%b([^%b]*)%b" % (before, behind, behind), self._unread)) is None:
            await self._read()
        return bytes(found[1])

    async def _read(self) -> None:
        data = await self._reader.read(1 << 16)
        if not data:
            raise ConnectionResetError("the server has closed")
        self._unread += data


class Attack(ABC):
    """One attacker."""

    door = ""

    def __init__(self, port: int, random: Random) -> None:
        self.port = port
        self.random = random
        self.sent = 0
        """Frames so far, or requests."""
        self._first_room = random.randrange(1_000)

    @property
    def room(self) -> str:
        """The collection that is attacked now; its name is as long as `ROOM`."""
        return f"{ROOM[:-4]}{self._first_room + self.sent // ROOM_FRAMES % 9_000:04}"

    async def run(self, frames: int) -> None:
        """Send at least so many frames."""
        end = self.sent + frames
        while self.sent < end:
            socket = await Socket.open(self.port)
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                try:
                    await self.visit(socket)
                except TimeoutError:
                    raise AssertionError(f"{type(self).__name__}: not answered") from None
                finally:
                    socket.close()

    @abstractmethod
    async def visit(self, socket: Socket) -> None:
        """Say something over a connection. Raises ConnectionError when the server has closed it."""

    async def say(self, socket: Socket, frames: Sequence[bytes]) -> None:
        """Send frames at once, and wait until they were read."""
        self.sent += len(frames)
        await socket.send(b"".join(frames) + frame(b"", PING))
        await socket.drain()


class Replay(Attack):
    """Says what a real client said, changed at random."""

    def __init__(self, port: int, random: Random, session: Session, corpus: Sequence[bytes]) -> None:
        super().__init__(port, random)
        self.door = session.path.split("/")[1]
        self._session = session
        self._mutator = Mutator(random, corpus)

    async def visit(self, socket: Socket) -> None:
        asked = self._session.subprotocol
        headers = [] if asked is None else [f"Sec-WebSocket-Protocol: {asked}"]
        if await socket.begin(self._session.path.replace(ROOM, self.room), *headers):
            await self.say(socket, self.frames())

    def frames(self) -> list[bytes]:
        """Some of the session as it was, and then changed more and more."""
        messages, opcode = self._session.messages, self._session.opcode
        as_it_was = self.random.randint(1, len(messages))
        rarely_first = messages[self.random.random() < 0.9 :]  # who introduces himself again is closed
        more = self._mutator.order(rarely_first, self.random.randint(1, VISIT_FRAMES - 20))
        wild = self.random.choice((0.02, 0.1, 1.0))
        said = [
            *messages[:as_it_was],
            *(self._mutator.change(each) if self.random.random() < wild else each for each in more),
        ]
        return [frame(each.replace(ROOM.encode(), self.room.encode()), opcode) for each in said]


class BrokenFrames(Replay):
    """The same in frames that break the rules of WebSocket connections, and an end wherever that is."""

    async def say(self, socket: Socket, frames: Sequence[bytes]) -> None:
        self.sent += len(frames)
        await socket.send(b"".join(frames))
        socket.end()
        await socket.drain()

    def frames(self) -> list[bytes]:
        frames = super().frames()
        for at in self.random.sample(range(len(frames)), min(len(frames), 2)):
            frames[at] = self.random.choice(BREAKS)(self.random, frames[at])
        return frames


def _cut(random: Random, whole: bytes) -> bytes:
    return whole[: random.randrange(len(whole))]


def _first_byte(random: Random, whole: bytes) -> bytes:
    """Opcodes that there are not, bits of extensions that nobody agreed on, frames that are not the end."""
    return bytes([random.randrange(256)]) + whole[1:]


def _length(random: Random, whole: bytes) -> bytes:
    size = random.choice((0, 1, 125, 126, 2**16, 2**24, 2**31, 2**62, 2**63, 2**64 - 1))
    return whole[:1] + b"\xff" + struct.pack("!Q", size) + whole[2:]


def _unmasked(random: Random, whole: bytes) -> bytes:
    return whole[:1] + bytes([whole[1] & 0x7F]) + whole[6:]


def _control(random: Random, whole: bytes) -> bytes:
    opcode = random.choice((CLOSE, PING, PONG, 0xB))
    return frame(random.randbytes(random.choice((0, 1, 2, 125, 126, 300))), opcode, fin=random.random() < 0.7)


def _parts(random: Random, whole: bytes) -> bytes:
    """One message in parts, with something between them or without an end."""
    count = random.randint(1, 40)
    parts = [frame(random.randbytes(3), random.choice((0, 1, 2)), fin=False) for _ in range(count)]
    return b"".join((*parts, frame(b"", PING), frame(b"x", 0) if random.random() < 0.5 else whole))


def _compressed(random: Random, whole: bytes) -> bytes:
    return bytes([whole[0] | 0x40]) + whole[1:]


BREAKS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _cut,
    _first_byte,
    _length,
    _unmasked,
    _control,
    _parts,
    _compressed,
)


class Impossible(Attack):
    """Updates that are valid in form and impossible in meaning, by a client of a Yjs door."""

    def __init__(self, port: int, random: Random, attacker: Attacker, *, hocuspocus: bool) -> None:
        super().__init__(port, random)
        self._attacker = attacker
        self._hocuspocus = hocuspocus

    async def visit(self, socket: Socket) -> None:
        if not await socket.begin("/hocuspocus" if self._hocuspocus else f"/yjs/{self.room}"):
            return
        key = prefixed(self.room.encode()) if self._hocuspocus else b""
        updates = [self._attacker.next() for _ in range(self.random.randint(1, VISIT_FRAMES))]
        said = [AUTH] * self._hocuspocus + [yjs.encode_step1(b"\x00")]
        said += [yjs.encode_update(each) for each in updates]
        await self.say(socket, [frame(key + each) for each in said])


class Peer(Attack):
    """A node with the right secret, whose commits mean nothing possible, or whose words are changed."""

    door = "peer"

    def __init__(
        self, port: int, random: Random, secret: bytes, attacker: Attacker, session: Session
    ) -> None:
        super().__init__(port, random)
        self._secret = secret
        self._attacker = attacker
        self._said = session.messages[2:]
        self._mutator = Mutator(random, self._said)
        self._node = f"attacker {random.randrange(10**6)}"
        self._visit = 0
        self._sequences: dict[str, int] = {}
        """Of the origins of this visit: what lacks something is held, and all that follows it."""

    async def visit(self, socket: Socket) -> None:
        if not await socket.begin("/peer"):
            return
        await self._meet(socket)
        self._sequences.clear()
        self._visit += 1
        number = self.random.randint(1, VISIT_FRAMES // 2)
        said = [encode(Commits(n, {self.room: ((0, ""), self._commits())})) for n in range(1, 1 + number)]
        if self._said and self.random.random() < 0.7:
            changed = self._mutator.order(self._said, self.random.randint(1, VISIT_FRAMES // 2))
            said += map(self._mutator.change, changed)
        await self.say(socket, [frame(each.replace(ROOM.encode(), self.room.encode())) for each in said])

    async def _meet(self, socket: Socket) -> None:
        """Show that the secret is known."""
        own = Introduce(self._node, VERSIONS, self.random.randbytes(NONCE_BYTES))
        handshake = Handshake(self._secret, own, dialed=True)
        await socket.send(frame(encode(own)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            other = decode(await socket.hear_message())
            assert isinstance(other, Introduce)
            handshake.meet(other)
            await socket.send(frame(encode(Prove(handshake.proof()))))

    def _commits(self) -> list[bytes]:
        return [self._commit() for _ in range(self.random.randint(1, 4))]

    def _commit(self) -> bytes:
        origin = f"{self._node} {self._visit} {self.random.randrange(2)}"
        sequence = self._sequences.get(origin, 0) + 1
        if self.random.random() < 0.95:
            self._sequences[origin] = sequence
        else:
            sequence += self.random.choice((0, 1, 7, 2**31))
        update = self._attacker.next()
        if self.random.random() < 0.1:
            update = self._mutator.change(update)
        after = {self.random.choice(("nobody", origin)): 1} if self.random.random() < 0.05 else {}
        time = self.random.choice((0.0, 1.7e9, 1.7e9, 1e300, -1.0, inf, nan))
        packed = pack_commit(Commit(origin, sequence, self.room, update, (), time, after))
        return self._mutator.change(packed) if self.random.random() < 0.05 else packed
