"""Runs histories of Yjs clients against real servers, and compares what they leave wherever it can be read."""

from __future__ import annotations

import asyncio
import shutil
import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from pycrdt import Doc

from protobase_live.database.fold import fold
from protobase_live.document import Document
from protobase_live.protocol.state_vector import decode_state_vector
from protobase_storage import FileStorage, Loaded
from tests.support.history_plan import History
from tests.support.plain_reader import loose, plain
from tests.support.server_process import COMMAND, SERVE, ServerProcess
from tests.support.small_server import SMALL_SERVE
from tests.support.yjs_node import NodeProcess

BATCH_SECONDS = 300.0
"""Longest wait for a batch to come to its end or its next kill."""

COMMAND_SECONDS = 120.0

Failures = dict[str, str]
"""Name of a history to what is wrong."""


class Runner:
    """One Node process for any number of batches, each of which gets a fresh database; a context manager."""

    def __init__(self, folder: Path, *, exports: bool = True) -> None:
        """``exports`` says whether ``export`` and ``import`` are compared, too."""
        self._folder = folder
        self._exports = exports
        self._batches = 0
        self._node = NodeProcess("histories.mjs")

    async def __aenter__(self) -> Self:
        await self._node.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._node.__aexit__(*error)

    async def run(self, histories: Sequence[History]) -> Failures:
        """Run histories side by side; what is wrong with each of those where something is.

        Every second batch meets a server that folds and unloads its collections all the time.
        """
        self._batches += 1
        batch = _Batch(self._node, self._folder / f"batch{self._batches}", histories, self._exports)
        return await batch.run(SMALL_SERVE if self._batches % 2 else SERVE)


class _Batch:
    """One database, and the collections of the histories that meet there."""

    def __init__(self, node: NodeProcess, folder: Path, histories: Sequence[History], exports: bool) -> None:
        self._node = node
        self._folder = folder
        self._histories = histories
        self._exports = exports
        self._failures: Failures = {}

    @property
    def _good(self) -> list[str]:
        return [h.name for h in self._histories if h.name not in self._failures]

    async def run(self, command: Sequence[str]) -> Failures:
        async with ServerProcess(self._folder, command) as server:
            await self._live(server)
            if server.running:
                await server.restart()
                for name in self._good:
                    self._note(name, await self._node.ask("fresh", name=name))
        await self._stored()
        if self._exports:
            await self._exported()
        await self._node.ask("forget")
        return self._failures

    def _note(self, name: str, problem: str | None) -> None:
        if problem:
            self._failures.setdefault(name, problem)

    async def _live(self, server: ServerProcess) -> None:
        """All steps of all histories, and the server killed and started in between."""
        told = await self._node.ask(
            "run",
            seconds=BATCH_SECONDS,
            url=server.yjs,
            pid=server.pid,
            histories=[asdict(h) for h in self._histories],
        )
        while told["killed"]:
            code = await server.wait()
            await server.start()
            for name in self._good if code != -signal.SIGKILL else ():
                self._note(name, f"the server ended by itself with exit code {code}")
            told = await self._node.ask("go", seconds=BATCH_SECONDS, pid=server.pid)
        for name, problem in told["failed"].items():
            self._note(name, problem)
        if not server.running:
            code = await server.wait()
            for name in self._good:
                self._note(name, f"the server ended by itself with exit code {code}")

    async def _stored(self) -> None:
        storage = await FileStorage.open(self._folder)
        try:
            for name in self._good:
                loaded = await storage.load(name)
                try:
                    await self._check_stored(name, loaded)
                except Exception as error:
                    self._note(name, f"reading what is stored: {type(error).__name__}: {error}")
        finally:
            await storage.close()

    async def _check_stored(self, name: str, loaded: Loaded) -> None:
        updates = [
            *([loaded.snapshot.update] if loaded.snapshot else []),
            *(c.update for c in loaded.commits),
        ]
        await self._check(name, "what is stored", updates)
        expected = await self._node.ask("plain", name=name)
        one_by_one: Doc[Any] = Doc()
        for update in updates:
            one_by_one.apply_update(update)
        self._compare(name, "pycrdt", plain(one_by_one), loose(expected["content"]))
        self._compare(name, "pycrdt's state vector", _state(one_by_one.get_state()), expected["state"])
        document = Document("histories", client_id=1 << 31)
        for _ in document.load(updates):
            pass
        self._compare(name, "the state vector as loaded", _state(document.state()), expected["state"])
        records = expected["content"].get("records", {}).get("map", {})
        self._compare(name, "the keys of the records", sorted(document.records), sorted(records))
        if updates:
            await self._check(name, "after a fold", [fold(updates)])

    async def _exported(self) -> None:
        """All collections at once; where that fails, one is sought that fails by itself."""
        names = [h.name for h in self._histories if h.name in self._good and "subdocuments" not in h.features]
        problem = await self._round_trip(names, "all")
        while problem and len(names) > 1:
            half = names[: len(names) // 2]
            found = await self._round_trip(half, "part")
            problem, names = found or problem, half if found else names[len(half) :]
        if names:
            self._note(names[0], problem)

    async def _round_trip(self, names: list[str], what: str) -> str | None:
        target = self._folder.with_name(f"{self._folder.name}-{what}")
        shutil.rmtree(target, ignore_errors=True)
        lines = target.with_suffix(".ndjson")
        problem = await _command("export", f"file:{self._folder}", *names, output=lines) if names else ""
        problem = problem or await _command("import", f"file:{target}", str(lines))
        if problem:
            return problem
        storage = await FileStorage.open(target)
        try:
            for name in names:
                loaded = await storage.load(name)
                await self._check(
                    name, "after export and import", [c.update for c in loaded.commits], "plain"
                )
        finally:
            await storage.close()
        return None

    async def _check(self, name: str, who: str, updates: list[bytes], form: str = "exact") -> None:
        asked = await self._node.ask("check", name=name, who=who, updates=updates, form=form)
        self._note(name, asked)

    def _compare(self, name: str, who: str, found: Any, expected: Any) -> None:
        if found != expected:
            self._note(name, f"{who} is {found!r}, expected {expected!r}")


def _state(vector: bytes) -> dict[str, int]:
    return {str(client): clock for client, clock in sorted(decode_state_vector(vector).items())}


async def _command(*arguments: str, output: Path | None = None) -> str | None:
    """Run ``protobase-live``; the end of its complaint if it fails."""
    process = await asyncio.create_subprocess_exec(
        str(COMMAND), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(COMMAND_SECONDS):
        printed, complaint = await process.communicate()
    if output:
        output.write_bytes(printed)
    if process.returncode == 0:
        return None
    last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
    return f"{arguments[0]} ended with exit code {process.returncode}: {last}"
