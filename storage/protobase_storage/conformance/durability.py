"""What survives: reopening, SIGKILL between any two steps, torn writes, a full disk, damaged bytes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..contract import Storage
from ..errors import CollectionCorrupt, StorageError, StorageLocked
from .child import burst_append, find_opener
from .model import (
    Effect,
    State,
    make_commit,
    make_snapshot,
    perform,
    perform_burst,
    read_state,
    script,
    states_after,
)

LARGE = 2_500_000
"""Bytes of the script's large snapshot: more than any backend stores in one piece."""


class DurabilityConformance:
    """Subclass as `TestSomething` and set the attributes.

    The opener takes a folder and the keyword `on_step`: a function the backend calls with the name of each
    step it has taken, wherever a process might die.
    """

    opener: str
    """"module:attribute" of an async function that opens the storage in a folder."""

    tail: str
    """Name of the file in the folder to which writes are appended, the one whose end may be torn."""

    async def open(self, place: Path, **options: Any) -> Storage:
        """Open, in this process."""
        return await find_opener(self.opener)(place, **options)

    def child(self, place: Path, job: str, **arguments: Any) -> subprocess.Popen[str]:
        """Start a process with a job of `conformance.child`."""
        arguments |= {"opener": self.opener, "place": str(place), "job": job}
        command = [sys.executable, "-m", "protobase_storage.conformance.child", json.dumps(arguments)]
        environment = {"PYTHONPATH": ":".join(sys.path)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    def run_child(self, place: Path, job: str, **arguments: Any) -> list[str]:
        """The lines a process wrote until it ended."""
        with self.child(place, job, **arguments) as child:
            assert child.stdout is not None
            lines = child.stdout.read().splitlines()
        died = any(line.startswith("dies") for line in lines)
        assert child.returncode == (-signal.SIGKILL if died else 0), lines
        return lines

    async def state(self, place: Path) -> State:
        """What a folder holds, by an opening that then closes properly."""
        storage = await self.open(place)
        try:
            return await read_state(storage)
        finally:
            await storage.close()

    async def check_killed(self, place: Path, lines: list[str], effects: list[Effect]) -> None:
        """All that was acknowledged is there, and of the rest whole effects or nothing."""
        states = states_after(effects)
        found = await self.state(place)
        assert found in states[lines.count("done") :], lines
        assert await self.state(place) == found

    async def test_reopens_as_it_was(self, tmp_path: Path) -> None:
        effects = script(LARGE)
        states = states_after(effects)
        identity = None
        for effect, expected in zip(effects, states[1:], strict=True):
            storage = await self.open(tmp_path)
            assert storage.identity == (identity or storage.identity)
            identity = storage.identity
            await perform(storage, effect)
            await storage.close()
            assert await self.state(tmp_path) == expected

    async def test_close_stores_what_was_appended(self, tmp_path: Path) -> None:
        storage = await self.open(tmp_path)
        futures = [storage.append(burst_append(n)) for n in range(1, 100)]
        await storage.close()
        assert all(future.done() and future.exception() is None for future in futures)
        assert (await self.state(tmp_path))["a"].commits == tuple(make_commit("a", n) for n in range(1, 100))

    async def test_one_at_a_time(self, tmp_path: Path) -> None:
        storage = await self.open(tmp_path)
        with pytest.raises(StorageLocked):
            await self.open(tmp_path)
        await storage.append([make_commit("a", 1)])
        await storage.close()
        await (await self.open(tmp_path)).close()

    async def test_killed_at_every_step(self, tmp_path: Path) -> None:
        effects = script(LARGE)
        lines: list[str] = []
        for step in range(200):
            place = tmp_path / str(step)
            lines = self.run_child(place, "script", large=LARGE, die_at=step)
            await self.check_killed(place, lines, effects)
            shutil.rmtree(place)
            if lines[-1] == "end":
                break
        assert lines[-1] == "end"
        assert lines.count("done") == len(effects)

    async def test_killed_while_recovering(self, tmp_path: Path) -> None:
        effects = script(LARGE)
        tried: set[tuple[str, ...]] = set()
        for step in range(200):
            origin = tmp_path / "origin"
            lines = self.run_child(origin, "script", large=LARGE, die_at=step)
            if lines[-1] == "end":
                break
            steps = await self.recovery_steps(origin, tmp_path / "probe")
            if steps and steps not in tried:
                tried.add(steps)
                await self.check_killed_recoveries(origin, tmp_path / "copy", lines, effects)
            shutil.rmtree(origin)

    async def recovery_steps(self, origin: Path, probe: Path) -> tuple[str, ...]:
        """The steps that opening takes, at each of which a process can die."""
        steps: list[str] = []
        shutil.copytree(origin, probe)
        await (await self.open(probe, on_step=steps.append)).close()
        shutil.rmtree(probe)
        return tuple(steps)

    async def check_killed_recoveries(
        self, origin: Path, copy: Path, lines: list[str], effects: list[Effect]
    ) -> None:
        """Kill the recovery of `origin` at each of its steps."""
        for step in range(200):
            shutil.copytree(origin, copy)
            ended = self.run_child(copy, "recover", die_at=step)[-1] == "end"
            await self.check_killed(copy, lines, effects)
            shutil.rmtree(copy)
            if ended:
                return
        raise AssertionError("recovery does not end")

    @pytest.mark.parametrize("step", range(8))
    async def test_killed_in_a_burst(self, tmp_path: Path, step: int) -> None:
        lines = self.run_child(tmp_path / "d", "burst", count=40, die_at=step)
        await self.check_killed(tmp_path / "d", lines, [burst_append(n) for n in range(1, 41)])

    async def test_killed_from_outside(self, tmp_path: Path) -> None:
        with self.child(tmp_path / "d", "endless") as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(200)]
            child.kill()
            acknowledged = len(lines) + child.stdout.read().count("done")
        commits = (await self.state(tmp_path / "d"))["a"].commits
        assert commits == tuple(make_commit("a", n) for n in range(1, len(commits) + 1))
        assert acknowledged <= len(commits) <= acknowledged + 1

    @pytest.mark.parametrize("damage", ["cut", "flip"])
    async def test_torn_writes(self, tmp_path: Path, damage: str) -> None:
        """A write that was under way leaves any part of itself: earlier appends hold, no append is halved."""
        origin, copy = tmp_path / "origin", tmp_path / "copy"
        self.run_child(origin, "burst_then_die", count=12)
        states = states_after([burst_append(n) for n in range(1, 13)])
        whole = (origin / self.tail).read_bytes()
        found: list[State] = []
        for place in [*range(0, len(whole), 4096), *range(max(0, len(whole) - 12_288), len(whole), 64)]:
            shutil.copytree(origin, copy)
            torn = whole[:place] if damage == "cut" else _flipped(whole, place)
            (copy / self.tail).write_bytes(torn)
            found.append(await self.state(copy))
            assert found[-1] in states, place
            shutil.rmtree(copy)
        assert states[-2] in found, "no appended write was torn: is `tail` the right file?"

    def test_a_full_disk(self, tmp_path: Path) -> None:
        """Under a limit on file sizes writes fail, nothing is damaged; without it all goes on."""
        for limit in (60_000, 100_000, 100_001, 123_456):
            lines = self.run_child(tmp_path / str(limit), "full", limit=limit)
            assert lines[-3:] == ["intact", "done", "end"]
            assert len(lines) > 4

    async def test_after_a_full_disk_all_that_was_acknowledged_is_there(self, tmp_path: Path) -> None:
        lines = self.run_child(tmp_path / "d", "full", limit=100_000)
        commits = (await self.state(tmp_path / "d"))["a"].commits
        assert len(commits) == lines.count("done")

    @pytest.mark.parametrize("needle", [b"<bad:node-a:7>", b"[bad:"])
    async def test_damage_is_confined_to_its_collection(self, tmp_path: Path, needle: bytes) -> None:
        expected = await self.three_collections(tmp_path)
        assert _damage(tmp_path, needle) > 0
        storage = await self.open(tmp_path)
        with pytest.raises(CollectionCorrupt, match="'bad'") as caught:
            await storage.load("bad")
        assert caught.value.collection == "bad"
        assert {info.name for info in await storage.list()} == {"bad", "good", "other"}
        for name in ("good", "other"):
            loaded = await storage.load(name)
            assert loaded == expected[name]
        await storage.append([make_commit("good", 100)])
        await storage.delete("bad")
        await storage.append([make_commit("bad", 1)])
        assert (await storage.load("bad")).commits == (make_commit("bad", 1),)
        await storage.close()

    async def test_damaged_bytes_never_load_as_something_else(self, tmp_path: Path) -> None:
        """Wherever a byte's bits are turned over in stored content, loading says so or is not affected."""
        expected = await self.three_collections(tmp_path / "origin")
        for needle in (b"bad", b"good", b"node-a", b"title", b"ann"):
            copy = tmp_path / "copy"
            shutil.copytree(tmp_path / "origin", copy)
            _damage(copy, needle)
            for name in expected:
                assert await self.load_or_error(copy, name) in (expected[name], "error"), (needle, name)
            shutil.rmtree(copy)

    async def load_or_error(self, place: Path, name: str) -> Any:
        """A collection as it loads, or "error" if opening or loading says what is wrong."""
        try:
            storage = await self.open(place)
        except StorageError:
            return "error"
        try:
            loaded = await storage.load(name)
        except StorageError:
            return "error"
        finally:
            await storage.close()
        return loaded

    async def three_collections(self, place: Path) -> State:
        """`good`, `bad` and `other`, with a snapshot and commits each, properly closed."""
        storage = await self.open(place)
        for name in ("good", "bad", "other"):
            await perform_burst(storage, [[make_commit(name, n)] for n in range(1, 21)])
            await storage.compact(make_snapshot(name, {"node-a": 5}))
        state = await read_state(storage)
        await storage.close()
        return state


def _damage(place: Path, needle: bytes) -> int:
    """Turn over the bits of `needle`'s last byte wherever it stands; returns how often that was."""
    found = 0
    for file in (file for file in place.rglob("*") if file.is_file()):
        content = file.read_bytes()
        found += content.count(needle)
        file.write_bytes(content.replace(needle, _flipped(needle, len(needle) - 1)))
    return found


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
