"""A Yjs server as a process of its own, ours or another, and bare clients that count what they are sent."""

from __future__ import annotations

import asyncio
import shlex
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from pycrdt import Doc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from bench.cpu import family_cpu_seconds
from protobase_live.protocol.yjs import messages as yjs

START_SECONDS = 30.0
RETRY_SECONDS = 0.05
OURS = "protobase-live serve --storage file:{folder} --listen 127.0.0.1:{port}"


class YjsServer:
    """A command that serves a folder at a port; an async context manager. ``{folder}`` and ``{port}`` stand
    in the command for what is chosen here; ``path`` comes before a room's name in the address."""

    def __init__(self, command: str, path: str) -> None:
        self._scratch = tempfile.TemporaryDirectory()
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            port: int = found.getsockname()[1]
        self._command = shlex.split(command.format(folder=self._scratch.name, port=port))
        self._url = f"ws://127.0.0.1:{port}{path}"

    async def __aenter__(self) -> YjsServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        self._scratch.cleanup()

    async def start(self) -> None:
        """Start it and wait until it takes connections."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await (await self.dial("started")).close()
                    return
                except OSError:
                    await asyncio.sleep(RETRY_SECONDS)

    async def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        await self._process.wait()

    async def dial(self, room: str) -> ClientConnection:
        """A connection that has said nothing yet."""
        return await connect(f"{self._url}/{room}", compression=None, max_size=None, max_queue=None)

    def cpu_seconds(self) -> float:
        """What it has used so far, its children too."""
        return family_cpu_seconds(self._process.pid)

    def disk_bytes(self) -> int:
        """The sizes of all files in its folder."""
        return sum(path.stat().st_size for path in Path(self._scratch.name).rglob("*") if path.is_file())


class Client:
    """What a stock client does, and no more: step 1 at first, step 2 in answer to the server's, and what
    comes goes into its document, but for ``full``, when that has everything or is not to have it."""

    def __init__(self, connection: ClientConnection, doc: Doc, *, full: bool = False) -> None:
        self._connection = connection
        self._doc = doc
        self._full = full
        self.bytes = 0
        self.messages = 0
        self.synced = asyncio.Event()
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def join(cls, server: YjsServer, room: str, doc: Doc, *, full: bool = False) -> Client:
        """Connected, and answered with step 2."""
        client = cls(await server.dial(room), doc, full=full)
        await client._connection.send(yjs.encode_step1(doc.get_state()))
        await client.synced.wait()
        return client

    async def send(self, updates: list[bytes]) -> None:
        """One message for each update."""
        for update in updates:
            await self._connection.send(yjs.encode_update(update))

    async def until_state(self, state: bytes) -> None:
        """Wait until the document has this state vector."""
        while self._doc.get_state() != state:
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        await self._connection.close()
        await self._reading

    async def _read(self) -> None:
        with suppress(ConnectionClosedError):  # a server is killed at the end of its row
            await self._read_all()

    async def _read_all(self) -> None:
        async for frame in self._connection:
            assert isinstance(frame, bytes)
            self.bytes += len(frame)
            self.messages += 1
            match yjs.decode(frame):
                case yjs.SyncStep1(state):
                    await self._connection.send(yjs.encode_step2(self._doc.get_update(state)))
                case yjs.SyncStep2(update):
                    self._take(update)
                    self.synced.set()
                case yjs.Update(update):
                    self._take(update)
                case _:
                    pass
            self._news.set()

    def _take(self, update: bytes) -> None:
        if not self._full:
            self._doc.apply_update(update)
