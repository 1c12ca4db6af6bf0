"""What is stored only behind all that its writer knows of, where others write, too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..errors import StorageOutdated
from ..shared import SharedStorage
from .model import make_commit, make_snapshot

Both = tuple[SharedStorage, SharedStorage]


class SharingConformance:
    """Subclass as `TestSomething` and define `open`."""

    async def open(self, place: Path) -> SharedStorage:
        """The storage at a place, for one more process."""
        raise NotImplementedError

    @pytest.fixture
    async def both(self, tmp_path: Path) -> AsyncIterator[Both]:
        """Two that write the same."""
        both = await self.open(tmp_path / "database"), await self.open(tmp_path / "database")
        yield both
        for each in both:
            await each.close()

    async def test_what_was_not_known_keeps_a_commit_out(self, both: Both) -> None:
        one, other = both
        await one.append([make_commit("c", 1, origin="a")])
        await other.append_behind([make_commit("c", 1, origin="b")], {"c": {"a": 1}})
        with pytest.raises(StorageOutdated) as caught:
            await one.append_behind([make_commit("c", 2, origin="a")], {"c": {"a": 1}})
        assert caught.value.stored == {"c": {"a": 1, "b": 1}}
        assert (await one.load("c")).vector == {"a": 1, "b": 1}
        await one.append_behind([make_commit("c", 2, origin="a")], caught.value.stored)
        assert (await other.load("c")).vector == {"a": 2, "b": 1}

    async def test_what_was_called_behind_it_is_kept_out_with_it(self, both: Both) -> None:
        one, other = both
        await one.append([make_commit("c", 1, origin="a"), make_commit("d", 1, origin="a")])
        await other.append([make_commit("c", 1, origin="b")])
        calls = [
            one.append_behind([make_commit("c", 2, origin="a")], {"c": {"a": 1}}),
            one.append([make_commit("c", 3, origin="a"), make_commit("d", 2, origin="a")]),
            one.append([make_commit("d", 3, origin="a")]),
            one.append([make_commit("e", 1, origin="a")]),
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [isinstance(each, StorageOutdated) for each in answers] == [True, True, True, False]
        assert [(await one.load(name)).vector for name in "cde"] == [{"a": 1, "b": 1}, {"a": 1}, {"a": 1}]
        await one.append([make_commit("c", 2, origin="a")])

    async def test_all_collections_are_kept_out_if_one_is_outdated(self, both: Both) -> None:
        one, other = both
        await one.append([make_commit("c", 1), make_commit("d", 1)])
        await other.append([make_commit("d", 1, origin="b")])
        known = {"c": {"node-a": 1}, "d": {"node-a": 1}}
        with pytest.raises(StorageOutdated, match="'d'") as caught:
            await one.append_behind([make_commit("c", 2), make_commit("d", 2)], known)
        now = {**known, **caught.value.stored}
        await one.append_behind([make_commit("c", 2), make_commit("d", 2)], now)
        assert (await other.load("d")).vector == {"node-a": 2, "b": 1}

    async def test_what_was_only_read_keeps_out_what_was_written(self, both: Both) -> None:
        one, other = both
        known = {"read": {"node-a": 1}, "empty": {}, "written": {}}
        await one.append([make_commit("read", 1)])
        await one.append_behind([make_commit("written", 1)], known)
        await other.append([make_commit("read", 1, origin="b")])
        known["written"] = {"node-a": 1}
        with pytest.raises(StorageOutdated, match="'read'"):
            await one.append_behind([make_commit("written", 2)], known)
        known["read"] = {"node-a": 1, "b": 1}
        await other.append([make_commit("empty", 1, origin="b")])
        with pytest.raises(StorageOutdated, match="'empty'"):
            await one.append_behind([make_commit("written", 2)], known)
        assert (await one.load("written")).vector == {"node-a": 1}

    async def test_without_commits_it_says_whether_all_is_known(self, both: Both) -> None:
        one, other = both
        known = {"c": {"node-a": 1}, "d": {}}
        await one.append([make_commit("c", 1)])
        await one.append_behind([], known)
        await other.append([make_commit("d", 1)])
        with pytest.raises(StorageOutdated, match="'d'"):
            await one.append_behind([], known)

    async def test_a_snapshot_that_brings_nothing_new_keeps_nothing_out(self, both: Both) -> None:
        one, other = both
        await one.append([make_commit("c", 1), make_commit("c", 2)])
        await other.compact(make_snapshot("c", {"node-a": 1}))
        await one.append_behind([make_commit("c", 3)], {"c": {"node-a": 2}})
        assert (await one.load("c")).vector == {"node-a": 3}

    async def test_they_take_turns(self, both: Both) -> None:
        one, other = both
        order: list[str] = []

        async def write() -> None:
            async with other.queued(["c", "d"]) as seen:
                order.append("other")
                assert seen["c"] == {"a": 1}

        async with one.queued(["c"]):
            while not other.contested(["c"]):  # noqa: ASYNC110 - else it may come first, by its id
                await asyncio.sleep(0)
            await one.append([make_commit("c", 1, origin="a")])
            writing = asyncio.create_task(write())
            while not one.contested(["d"]):  # noqa: ASYNC110 - it has not heard of the other one
                await asyncio.sleep(0)
            order.append("one")
        await writing
        assert order == ["one", "other"]
        assert other.contested(["c"])
        assert not other.contested(["d"])
