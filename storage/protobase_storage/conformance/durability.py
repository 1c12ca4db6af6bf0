"""What survives: reopening, SIGKILL between any two steps, damaged bytes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ..contract import Storage
from ..errors import CollectionCorrupt, StorageError
from .child import burst_append, find_opener
from .forks import Forks
from .model import (
    SECRET,
    Effect,
    State,
    make_commit,
    make_snapshot,
    perform,
    perform_burst,
    read_state,
    script,
    secrets,
    states_after,
)

SECRETS = 24
"""Appends before something is erased."""

LARGE = 2_500_000
"""Bytes of the script's large snapshot: more than any backend stores in one piece."""


class DurabilityConformance:
    """Subclass as `TestSomething` and set the attributes.

    The opener takes a path and the keyword `on_step`: a function that is called with the name of each step
    the backend has taken, wherever a process might die. A place is a folder; a backend that keeps things
    elsewhere makes a name of the path, and says how to `copy`, `remove` and `damage` what is there.
    """

    opener: str
    """"module:attribute" of an async function that opens the storage at a place."""

    steps: Sequence[int] = range(200)
    """The numbers of the steps at which processes are killed. The last is beyond the end of the script."""

    async def open(self, place: Path, **options: Any) -> Storage:
        """Open, in this process."""
        return await find_opener(self.opener)(place, **options)

    def copy(self, origin: Path, target: Path) -> None:
        """Copy what is at a place. Nobody has it open."""
        shutil.copytree(origin, target)

    def remove(self, place: Path) -> None:
        """Remove what is at a place."""
        shutil.rmtree(place)

    def holds(self, place: Path, needle: bytes) -> bool:
        """Whether any byte that is stored at a place belongs to `needle`."""
        return any(needle in file.read_bytes() for file in place.rglob("*") if file.is_file())

    def damage(self, place: Path, needle: bytes) -> int:
        """Turn over the bits of `needle`'s last byte wherever it stands; returns how often that was."""
        found = 0
        for file in (file for file in place.rglob("*") if file.is_file()):
            content = file.read_bytes()
            found += content.count(needle)
            file.write_bytes(content.replace(needle, flipped(needle, len(needle) - 1)))
        return found

    @classmethod
    def environment(cls) -> dict[str, str]:
        """Variables that the processes which work on the storage need."""
        return {"PYTHONPATH": ":".join(sys.path)}

    forking: Forks

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def forks(cls) -> Iterator[None]:
        """A process that runs jobs, for all tests of the class."""
        cls.forking = Forks(cls.opener, cls.environment())
        yield
        cls.forking.close()

    def job(self, place: Path, job: str, **arguments: Any) -> dict[str, Any]:
        """A job of `conformance.child`."""
        return arguments | {"opener": self.opener, "place": str(place), "job": job}

    def child(self, place: Path, job: str, **arguments: Any) -> subprocess.Popen[str]:
        """Start a process with a job."""
        told = json.dumps(self.job(place, job, **arguments))
        command = [sys.executable, "-m", "protobase_storage.conformance.child", told]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment())

    def run_child(self, place: Path, job: str, **arguments: Any) -> list[str]:
        """The lines a process wrote until it ended."""
        lines, status = self.forking.run(self.job(place, job, **arguments))
        died = any(line.startswith("dies") for line in lines)
        assert status == (-signal.SIGKILL if died else 0), lines
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

    async def test_killed_at_every_step(self, tmp_path: Path) -> None:
        effects = script(LARGE)
        lines: list[str] = []
        for step in self.steps:
            place = tmp_path / str(step)
            lines = self.run_child(place, "script", large=LARGE, die_at=step)
            await self.check_killed(place, lines, effects)
            self.remove(place)
            if lines[-1] == "end":
                break
        assert lines[-1] == "end"
        assert lines.count("done") == len(effects)

    async def test_killed_while_recovering(self, tmp_path: Path) -> None:
        effects = script(LARGE)
        tried: set[tuple[str, ...]] = set()
        for step in self.steps:
            origin = tmp_path / "origin"
            lines = self.run_child(origin, "script", large=LARGE, die_at=step)
            if lines[-1] == "end":
                break
            steps = await self.recovery_steps(origin, tmp_path / "probe")
            if steps and steps not in tried:
                tried.add(steps)
                await self.check_killed_recoveries(origin, tmp_path / "copy", lines, effects)
            self.remove(origin)

    async def recovery_steps(self, origin: Path, probe: Path) -> tuple[str, ...]:
        """The steps that opening takes, at each of which a process can die."""
        steps: list[str] = []
        self.copy(origin, probe)
        await (await self.open(probe, on_step=steps.append)).close()
        self.remove(probe)
        return tuple(steps)

    async def check_killed_recoveries(
        self, origin: Path, copy: Path, lines: list[str], effects: list[Effect]
    ) -> None:
        """Kill the recovery of `origin` at each of its steps."""
        for step in range(200):
            self.copy(origin, copy)
            ended = self.run_child(copy, "recover", die_at=step)[-1] == "end"
            await self.check_killed(copy, lines, effects)
            self.remove(copy)
            if ended:
                return
        raise AssertionError("recovery does not end")

    async def test_no_byte_is_left_of_what_was_erased(self, tmp_path: Path) -> None:
        """Wherever the process dies: what was acknowledged is gone, and what had begun is completed."""
        effects = secrets(SECRETS)
        states, lines = states_after(effects), list[str]()
        for step in self.steps:
            place = tmp_path / str(step)
            lines = self.run_child(place, "erase", count=SECRETS, die_at=step)
            if lines.count("done") < SECRETS:
                self.remove(place)
                continue
            is_acknowledged = lines.count("done") == len(effects)
            assert self.holds(place, SECRET) or lines.count("done") > SECRETS
            assert not (is_acknowledged and self.holds(place, SECRET))
            storage = await self.open(place)
            found = await read_state(storage)
            assert found in states[lines.count("done") :], lines
            assert self.holds(place, SECRET) == (found != states[-1])
            await storage.close()
            assert self.holds(place, SECRET) == (found != states[-1])
            self.remove(place)
            if lines[-1] == "end":
                break
        assert lines[-1] == "end"

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

    @pytest.mark.parametrize("needle", [b"<bad:node-a:7>", b"[bad:"])
    async def test_damage_is_confined_to_its_collection(self, tmp_path: Path, needle: bytes) -> None:
        expected = await self.three_collections(tmp_path)
        assert self.damage(tmp_path, needle) > 0
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
            self.copy(tmp_path / "origin", copy)
            self.damage(copy, needle)
            for name in expected:
                assert await self.load_or_error(copy, name) in (expected[name], "error"), (needle, name)
            self.remove(copy)

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


def flipped(content: bytes, place: int) -> bytes:
    """`content` with the bits of one byte turned over."""
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
