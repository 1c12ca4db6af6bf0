"""The application of `examples/fastapi_editor` as a process: uvicorn, hypercorn or granian serves it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from protobase_live.cli.demo.ports import ReservedPorts

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "fastapi_editor"
SERVERS = {
    "uvicorn": ["-m", "uvicorn", "app:app", "--fd", "{fd}", "--lifespan", "on"],
    "hypercorn": ["-m", "hypercorn", "app:app", "--bind", "fd://{fd}"],
    "granian": ["-m", "granian", "--interface", "asgi", "app:app", "--port", "{port}"],
}
"""The two that can are given a socket that listens."""
PASSWORDS = {"ann": "apple", "bob": "banana"}
START_SECONDS = 60.0
STOP_SECONDS = 30.0


class FastApiEditor:
    """It, with its database in a folder."""

    def __init__(self, server: str, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FastApiEditor]:
        """Ends with SIGTERM, and asserts that it has ended in order."""
        with ReservedPorts(0, 1) as ports:
            [self.port] = ports.numbers
            process = await self._start()
            try:
                await self._until_ready(process)
                yield self
                process.send_signal(signal.SIGTERM)
                async with asyncio.timeout(STOP_SECONDS):
                    assert await process.wait() in (0, -signal.SIGTERM)
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        if "{fd}" not in " ".join(SERVERS[self._server]):
            return await self._run()
        with socket.create_server(("127.0.0.1", self.port)) as listening:
            return await self._run(listening.fileno())

    async def _run(self, *fds: int) -> asyncio.subprocess.Process:
        command = [each.format(fd=next(iter(fds), None), port=self.port) for each in SERVERS[self._server]]
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            cwd=FOLDER,
            env={**os.environ, "STORAGE": f"file:{self._folder}"},
            pass_fds=fds,
        )

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(START_SECONDS):
            while process.returncode is None:
                try:
                    if (await self.ask("GET", "/collab/api/v1/openapi.json"))[0] == 200:
                        return
                except (ConnectionError, IndexError):
                    await asyncio.sleep(0.05)  # it does not listen yet, and says nothing when it does
        raise AssertionError("it ended before it was ready")

    async def ask(self, method: str, path: str, body: object = None, session: str = "") -> tuple[int, str]:
        """The status and the body of the answer to one request."""
        head, told = await self._exchange(method, path, body, session)
        return int(head.split()[1]), told

    async def log_in(self, name: str) -> str:
        """A new session."""
        head, _ = await self._exchange("POST", "/login", {"name": name, "password": PASSWORDS[name]})
        found = re.search(r"(?im)^set-cookie: session=([^;]+)", head)
        assert found, f"no session in {head!r}"
        return found[1]

    async def _exchange(
        self, method: str, path: str, body: object = None, session: str = ""
    ) -> tuple[str, str]:
        data = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            f"Cookie: session={session}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(data)}\r\n\r\n"
        )
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.encode() + data)
        answer, _, told = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        return answer, told

    @property
    def url(self) -> str:
        """Its page."""
        return f"http://127.0.0.1:{self.port}/"

    def yjs(self, prefix: str = "collab") -> str:
        """What a y-websocket provider is given."""
        return f"ws://127.0.0.1:{self.port}/{prefix}/yjs"

    def live(self, prefix: str = "collab") -> str:
        """What ``pb.connect`` is given."""
        return f"ws://127.0.0.1:{self.port}/{prefix}/live"
