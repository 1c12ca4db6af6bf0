"""Runs histories of Yjs clients against real servers, and compares what they leave wherever one reads it."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from pycrdt import Doc

from protobase_live.collection.fold import fold
from protobase_live.document import Document
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from protobase_live.protocol.yjs.structs import merge
from protobase_storage import FileStorage, Loaded
from tests.protobase_live.cli.command import run as run_command
from tests.support.history_plan import History
from tests.support.plain_reader import difference, expected, plain
from tests.support.server_process import SERVE, ServerProcess
from tests.support.small_server import SMALL_SERVE
from tests.support.yjs_node import INTEROP, NodeProcess

BATCH_SECONDS = 300.0
"""Longest wait for a batch to come to its end or its next kill."""

SERVERS = (SERVE, SMALL_SERVE)
"""The command as it is, and one that folds and unloads its collections all the time."""

Failures = dict[str, str]
"""Name of a history to what is wrong."""


class Runner:
    """One Node process for any number of batches, each of which gets a fresh database; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._batches = 0
        self._node = NodeProcess(INTEROP / "histories.mjs")

    async def __aenter__(self) -> Self:
        await self._node.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._node.__aexit__(*error)

    async def run(self, histories: Sequence[History], server: Sequence[str] = SERVE) -> Failures:
        """Run histories side by side; what is wrong with each of those where something is.

        ``server`` is one of SERVERS.
        """
        self._batches += 1
        folder = self._folder / f"batch{self._batches}"
        try:
            return await _Batch(self._node, folder, histories).run(server)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class _Batch:
    """One database, and the collections of the histories that meet there."""

    def __init__(self, node: NodeProcess, folder: Path, histories: Sequence[History]) -> None:
        self._node = node
        self._folder = folder / "data"
        self._histories = histories
        self._halving = {history.name for history in histories if "halves" in history.features}
        self._failures: Failures = {}
        self._written: set[str] = set()
        """Collections that there are in the end: into some of them nobody wrote anything."""

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
        await self._exported()
        await self._node.ask("forget")
        return self._failures

    def _note(self, name: str, problem: str | None) -> None:
        if problem:
            self._failures.setdefault(name, problem)

    async def _live(self, server: ServerProcess) -> None:
        """All steps of all histories, and the server killed and started in between."""
        plans = [asdict(history) for history in self._histories]
        told = await self._node.ask(
            "run", seconds=BATCH_SECONDS, url=server.yjs, pid=server.pid, histories=plans
        )
        while told["killed"]:
            self._note_end(await server.wait())
            await server.start()
            told = await self._node.ask("go", seconds=BATCH_SECONDS, pid=server.pid)
        for name, problem in told["failed"].items():
            self._note(name, problem)
        if not server.running:
            self._note_end(await server.wait())

    def _note_end(self, code: int) -> None:
        """The server has ended; unless it was killed, that is everybody's problem."""
        for name in self._good if code != -signal.SIGKILL else ():
            self._note(name, f"the server ended by itself with exit code {code}")

    async def _stored(self) -> None:
        storage = await FileStorage.open(self._folder)
        try:
            self._written = {info.name for info in await storage.list()}
            for name in self._good:
                await self._check_stored(name, await storage.load(name))
        finally:
            await storage.close()

    async def _check_stored(self, name: str, loaded: Loaded) -> None:
        updates = _updates(loaded)
        await self._check(name, "what is stored", updates)
        yjs = await self._node.ask("plain", name=name)
        try:
            self._read_with_pycrdt(name, updates, yjs)
            self._read_as_loaded(name, updates, yjs)
            folded = [fold(updates)] if updates else []
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic derives from BaseException alone
            self._note(name, f"reading what is stored: {type(error).__name__}: {error}")
        else:
            await self._check(name, "after a fold", folded)

    def _read_with_pycrdt(self, name: str, updates: Sequence[bytes], yjs: dict[str, Any]) -> None:
        """pycrdt by itself: in the order of the log, and all at once with halves of characters cut before.

        Behind half a character that it was given whole pycrdt counts wrong (docs/upstream.md), so that it
        cannot read one by one what has any: a collection's document is made anew then, of what `merge` makes.
        """
        whole: Doc[Any] = Doc()
        whole.apply_update(merge(updates))
        self._compare(name, "pycrdt", plain(whole), expected(yjs["content"]))
        self._compare(name, "pycrdt's state vector", _state(whole.get_state()), yjs["state"])
        if name in self._halving:
            return
        doc: Doc[Any] = Doc()
        for update in updates:
            doc.apply_update(update)
        self._compare(name, "pycrdt's state vector, one by one", _state(doc.get_state()), yjs["state"])

    def _read_as_loaded(self, name: str, updates: Sequence[bytes], yjs: dict[str, Any]) -> None:
        """A collection's document, as the server loads it."""
        document = Document("histories", client_id=1 << 31)
        for _ in document.load(updates):
            pass
        self._compare(name, "the state vector as loaded", _named(document.vector), yjs["state"])
        records = yjs["content"].get("records", {}).get("map", {})
        self._compare(name, "the keys of the records", sorted(document.records), sorted(records))

    async def _exported(self) -> None:
        """All collections at once; where that fails, one is sought that fails by itself."""
        ending = [h for h in self._histories if "exports" in h.features and "subdocuments" not in h.features]
        there = self._written.intersection(self._good)
        names = [history.name for history in ending if history.name in there]
        problem = await self._round_trip(names, "all")
        while problem and len(names) > 1:
            half = names[: len(names) // 2]
            found = await self._round_trip(half, "part")
            problem, names = found or problem, half if found else names[len(half) :]
        if problem:
            self._note(names[0], problem)

    async def _round_trip(self, names: list[str], what: str) -> str | None:
        """Export and import collections, and compare them; why that failed, if it did."""
        if not names:
            return None
        target = self._folder.with_name(what)
        shutil.rmtree(target, ignore_errors=True)
        exported = await run_command("export", f"file:{self._folder}", *names)
        if exported.code:
            return f"export: {_last_line(exported.err)}"
        brought = await run_command("import", f"file:{target}", stdin=exported.out)
        if brought.code:
            return f"import: {_last_line(brought.err)}"
        storage = await FileStorage.open(target)
        try:
            for name in names:
                imported = _updates(await storage.load(name))
                await self._check(name, "after export and import", imported, "plain")
        finally:
            await storage.close()
        return None

    async def _check(self, name: str, who: str, updates: list[bytes], form: str = "exact") -> None:
        asked = await self._node.ask("check", name=name, who=who, updates=updates, form=form)
        self._note(name, asked)

    def _compare(self, name: str, who: str, found: Any, expected: Any) -> None:
        if told := difference(found, expected):
            self._note(name, f"{who}: {told}")


def _updates(loaded: Loaded) -> list[bytes]:
    """All that is stored, in order."""
    return loaded.updates


def _state(vector: bytes) -> dict[str, int]:
    return _named(decode_state_vector(vector))


def _named(vector: Mapping[int, int]) -> dict[str, int]:
    return {str(client): clock for client, clock in sorted(vector.items())}


def _last_line(complaint: str) -> str:
    return complaint.strip().rpartition("\n")[2]
