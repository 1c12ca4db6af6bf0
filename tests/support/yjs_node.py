"""Unmodified Yjs clients in a Node process, driven from Python (see the scripts in ``tests/interop/``)."""

from __future__ import annotations

import asyncio
import json
import shutil
from base64 import b64decode, b64encode
from itertools import count
from pathlib import Path
from typing import Any, Self

INTEROP = Path(__file__).resolve().parents[1] / "interop"
WAIT_SECONDS = 30.0
"""Longest wait for anything a client is to see. Nothing takes this long unless it is broken."""
MAX_LINE_BYTES = 64 * 1024 * 1024


class NodeError(Exception):
    """What a client's code threw."""


class NodeProcess:
    """A script of ``tests/interop/`` that answers requests; an async context manager."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._ids = count(1)

    async def __aenter__(self) -> Self:
        node = shutil.which("node")
        assert node, "Node 20 or newer is needed for the tests with real Yjs clients"
        folder = self._script.parent
        assert (folder / "node_modules").is_dir(), f"run 'npm ci --prefix {folder}' (make test does)"
        self._process = await asyncio.create_subprocess_exec(
            node, str(self._script),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE_BYTES,
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()

    async def kill(self) -> None:
        """End the process as a crash would: nobody says goodbye."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def ask(self, do: str, *, seconds: float = WAIT_SECONDS, **request: Any) -> Any:
        """Carry out one request. Raises NodeError, and TimeoutError after ``seconds``."""
        id = next(self._ids)
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        line = json.dumps({"id": id, "do": do, **request}, default=_encode)
        self._process.stdin.write(line.encode() + b"\n")
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            raise TimeoutError(f"not within {seconds:g} s: {do} {request.get('code', '')}") from None
        finally:
            del self._answers[id]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            said = json.loads(line, object_hook=_decode)
            answer = self._answers.get(said["id"])
            if answer is None or answer.done():
                continue  # nobody waits for it any more
            if "error" in said:
                answer.set_exception(NodeError(said["error"]))
            else:
                answer.set_result(said["value"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(NodeError("the Node process has ended"))


class NodeClients(NodeProcess):
    """One Node process with any number of clients; an async context manager."""

    def __init__(self, script: Path = INTEROP / "client.mjs") -> None:
        super().__init__(script)

    async def open(self, url: str, room: str, **options: Any) -> YjsClient:
        """A client of ``room``, a collection, at ``url``, a Yjs door. ``options`` are the provider's,
        or what else the script knows."""
        name = f"client {next(self._ids)}"
        id = await self.ask("open", client=name, url=url, room=room, options=options)
        return YjsClient(self, name, id)


class YjsClient:
    """One Yjs document and its y-websocket provider. The code is JavaScript and sees ``doc``,
    ``provider``, ``awareness``, ``closes``, ``same``, ``Y`` and ``args``."""

    def __init__(self, node: NodeClients, name: str, id: int) -> None:
        self._node = node
        self._name = name
        self.id = id
        """The document's client id."""

    async def run(self, code: str, **args: Any) -> Any:
        """Carry out statements; the result is what they return."""
        return await self._node.ask("run", client=self._name, code=code, args=args)

    async def get(self, expression: str, **args: Any) -> Any:
        """The value of an expression, as JSON has it, bytes as bytes."""
        return await self.run(f"return ({expression})", **args)

    async def until(self, expression: str, **args: Any) -> Any:
        """Wait until the expression is true; its value then."""
        code = f"return ({expression})"
        return await self._node.ask("until", client=self._name, code=code, args=args)

    async def until_equal(self, expression: str, expected: Any) -> None:
        """Wait until the expression has this value, as JSON has it (the keys of objects in any order)."""
        try:
            await self.until(f"same({expression}, args.expected)", expected=expected)
        except TimeoutError:
            found = await self.get(expression)
            raise AssertionError(f"{expression} is {found!r}, not {expected!r}") from None

    async def synced(self) -> YjsClient:
        """Wait until the provider says it is synced."""
        await self.until("provider.synced")
        return self

    async def state(self) -> bytes:
        """The document's state vector."""
        return await self.get("Y.encodeStateVector(doc)")


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} does not travel to Node")


def _decode(value: dict[str, Any]) -> Any:
    return b64decode(value["bytes"]) if value.keys() == {"bytes"} else value
