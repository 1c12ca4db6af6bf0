"""What survives in a folder, beside what `durability` asks of any storage: torn writes, a full disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..errors import StorageLocked
from .child import burst_append
from .durability import DurabilityConformance, flipped
from .model import State, make_commit, states_after


class FolderConformance(DurabilityConformance):
    """Subclass as `TestSomething` and set the attributes."""

    tail: str
    """Name of the file in the folder to which writes are appended, the one whose end may be torn."""

    async def test_one_at_a_time(self, tmp_path: Path) -> None:
        storage = await self.open(tmp_path)
        with pytest.raises(StorageLocked):
            await self.open(tmp_path)
        await storage.append([make_commit("a", 1)])
        await storage.close()
        await (await self.open(tmp_path)).close()

    @pytest.mark.parametrize("damage", ["cut", "flip"])
    async def test_torn_writes(self, tmp_path: Path, damage: str) -> None:
        """A write that was under way leaves any part of itself: earlier appends hold, no append is halved."""
        origin, copy = tmp_path / "origin", tmp_path / "copy"
        self.run_child(origin, "burst_then_die", count=12)
        states = states_after([burst_append(n) for n in range(1, 13)])
        whole = (origin / self.tail).read_bytes()
        found: list[State] = []
        for place in [*range(0, len(whole), 4096), *range(max(0, len(whole) - 12_288), len(whole), 64)]:
            self.copy(origin, copy)
            torn = whole[:place] if damage == "cut" else flipped(whole, place)
            (copy / self.tail).write_bytes(torn)
            found.append(await self.state(copy))
            assert found[-1] in states, place
            self.remove(copy)
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
