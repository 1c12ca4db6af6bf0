"""Behaviour of one open storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..commit import Commit, Joint, Loaded, Part, Snapshot
from ..contract import MAX_NAME_BYTES, CollectionInfo, Standing, Storage
from ..errors import InvalidName, SequenceConflict, StaleSnapshot, StorageClosed, StorageError
from .model import Delete, Effect, make_commit, make_snapshot, perform, perform_burst


class StorageConformance:
    """Subclass as `TestSomething` and define `open`."""

    async def open(self, place: Path) -> Storage:
        """A new, empty storage; `place` is a folder of the test's own."""
        raise NotImplementedError

    @pytest.fixture
    async def storage(self, tmp_path: Path) -> AsyncIterator[Storage]:
        """Open for the length of a test."""
        storage = await self.open(tmp_path / "database")
        yield storage
        await storage.close()

    async def test_has_an_identity(self, storage: Storage) -> None:
        assert len(storage.identity) == 12
        assert int(storage.identity, 16) >= 0

    async def test_an_unknown_collection_is_empty(self, storage: Storage) -> None:
        assert await storage.load("x") == Loaded(None, ())
        assert await storage.commits_after("x", {}, 10) == ()
        assert await storage.list() == []

    async def test_an_unknown_collection_stands_at_the_beginning(self, storage: Storage) -> None:
        assert await storage.standing("x") == Standing("x", {})
        assert await storage.standings() == []
        assert await storage.standings_of(["x"]) == [Standing("x", {})]

    async def test_where_a_collection_stands_is_told_without_loading_it(self, storage: Storage) -> None:
        own = f"{storage.identity}/t"
        await storage.compact(make_snapshot("c", {"s": 2}))
        await storage.append([make_commit("c", 1, origin="o"), make_commit("c", 2, origin="p/t")])
        await storage.append([Commit(own, 1, "c", b"u", (), 1.0, {"s": 2, "o": 1, "p/t": 2})])
        await storage.append([make_commit("c", 2, origin="o"), make_commit("c", 9, origin="q")])
        vector = {"s": 2, "o": 2, "p/t": 2, own: 1, "q": 9}
        assert await storage.standing("c") == Standing("c", vector)
        assert (await storage.load("c")).vector == vector

    async def test_standings_come_in_pages_with_what_is_deleted(self, storage: Storage) -> None:
        for name in ("é", "b/c", "a", "gone"):
            await storage.append([make_commit(name, 1)])
        await storage.delete("gone", remains=b"left")
        told = [Standing(name, {"node-a": 1}) for name in ("a", "b/c", "é")]
        told.insert(2, Standing("gone", {}, b"left"))
        assert await storage.standings() == told
        assert await storage.standings(limit=2) == told[:2]
        assert await storage.standings(after="b/c", limit=2) == told[2:]
        assert await storage.standings(after="é") == []

    async def test_some_standings_are_told_as_of_one_moment(self, storage: Storage) -> None:
        for name in ("a", "b", "gone"):
            await storage.append([make_commit(name, 1)])
        await storage.delete("gone", remains=b"left")
        told = [Standing("b", {"node-a": 1}), Standing("gone", {}, b"left")]
        assert await storage.standings_of(["b", "gone"]) == told
        assert await storage.standings_of([]) == []

    @pytest.mark.parametrize(
        "commit",
        [
            Commit("o", 1, "c", b"", (), 0.0),
            Commit("o", 2**63 - 1, "c", bytes(range(256)), (Part(None, ()),), -1.5),
            Commit(
                "ø" * 256,
                7,
                "täsks/42 \x00",
                b"x" * 3_000_000,
                (Part("ann", (("r", None), ("r", ""))),),
                1e9 + 0.1,
            ),
            Commit("o", 3, "c", b"u", (), 1.0, {"o": 2, "p/t": 2**40}, None),
            Commit("o", 1, "c", b"u", (), 1.0, {}, Joint("j1", ("c", "täsks/42"))),
        ],
    )
    async def test_commits_come_back_as_they_were(self, storage: Storage, commit: Commit) -> None:
        await storage.append([commit])
        loaded = await storage.load(commit.collection)
        assert loaded == Loaded(None, (commit,))
        assert loaded.vector == {commit.origin: commit.sequence}

    async def test_an_append_spans_collections(self, storage: Storage) -> None:
        commits = [make_commit("a", 1), make_commit("b", 1), make_commit("a", 2)]
        await storage.append(commits)
        assert (await storage.load("a")).commits == (commits[0], commits[2])
        assert (await storage.load("b")).commits == (commits[1],)

    async def test_an_append_behind_what_is_there_is_one(self, storage: Storage) -> None:
        await storage.append_behind([make_commit("a", 1)], {"a": {}, "b": {}})
        await storage.append_behind([make_commit("a", 2), make_commit("b", 1)], {"a": {"node-a": 1}, "b": {}})
        assert (await storage.load("a")).vector == {"node-a": 2}
        assert (await storage.load("b")).vector == {"node-a": 1}

    async def test_an_empty_append_completes(self, storage: Storage) -> None:
        await storage.append([])
        assert await storage.list() == []

    @pytest.mark.parametrize("sequence", [-1, 0, 1, 2, 2**63])
    async def test_a_sequence_must_be_new(self, storage: Storage, sequence: int) -> None:
        await storage.append([make_commit("a", 2)])
        with pytest.raises(SequenceConflict, match="'a'"):
            await storage.append([make_commit("b", 1), make_commit("a", sequence)])
        assert [info.name for info in await storage.list()] == ["a"]
        assert (await storage.load("a")).commits == (make_commit("a", 2),)

    async def test_a_sequence_must_be_new_within_its_append(self, storage: Storage) -> None:
        with pytest.raises(SequenceConflict):
            await storage.append([make_commit("a", 1), make_commit("a", 1)])
        assert await storage.list() == []

    async def test_sequences_count_by_origin_and_collection(self, storage: Storage) -> None:
        commits = [make_commit("a", 5), make_commit("a", 1, origin="other"), make_commit("b", 1)]
        for commit in commits:
            await storage.append([commit])
        assert (await storage.load("a")).vector == {"node-a": 5, "other": 1}

    async def test_one_conflict_fails_alone(self, storage: Storage) -> None:
        appends = [[make_commit("a", 1)], [make_commit("a", 1)], [make_commit("a", 2)], [make_commit("b", 1)]]
        results = await asyncio.gather(*[storage.append(each) for each in appends], return_exceptions=True)
        assert [type(result) for result in results] == [type(None), SequenceConflict, type(None), type(None)]
        assert (await storage.load("a")).vector == {"node-a": 2}

    async def test_futures_complete_in_call_order(self, storage: Storage) -> None:
        order: list[int] = []
        futures = [storage.append([make_commit(f"c{n % 7}", n)]) for n in range(1, 300)]
        for number, future in enumerate(futures):
            future.add_done_callback(lambda _, number=number: order.append(number))
        await asyncio.gather(*futures)
        await asyncio.sleep(0)
        assert order == sorted(order)
        assert len(order) == 299

    async def test_what_is_durable_is_seen(self, storage: Storage) -> None:
        for sequence in range(1, 30):
            await storage.append([make_commit("a", sequence)])
            assert len((await storage.load("a")).commits) == sequence

    async def test_commits_after_a_vector(self, storage: Storage) -> None:
        commits = [
            make_commit("a", n, origin=o) for n, o in [(1, "x"), (1, "y"), (2, "x"), (3, "x"), (2, "y")]
        ]
        await storage.append(commits)
        assert await storage.commits_after("a", {}, 9) == tuple(commits)
        assert await storage.commits_after("a", {"x": 2}, 9) == (commits[1], commits[3], commits[4])
        assert await storage.commits_after("a", {"x": 2}, 2) == (commits[1], commits[3])
        assert await storage.commits_after("a", {"x": 9, "y": 2, "z": 1}, 9) == ()
        assert await storage.commits_after("a", {}, 0) == ()

    async def test_the_log_no_longer_reaches_back(self, storage: Storage) -> None:
        await storage.append([make_commit("a", n) for n in range(1, 6)])
        await storage.compact(make_snapshot("a", {"node-a": 3}))
        assert await storage.commits_after("a", {"node-a": 2}, 9) is None
        assert await storage.commits_after("a", {"other": 9}, 9) is None
        assert await storage.commits_after("a", {"node-a": 3}, 9) == (
            make_commit("a", 4),
            make_commit("a", 5),
        )
        assert await storage.commits_after("a", {"node-a": 4}, 9) == (make_commit("a", 5),)

    async def test_compaction_drops_what_it_covers_and_no_more(self, storage: Storage) -> None:
        kept = [make_commit("a", 1, origin="x"), make_commit("a", 3), make_commit("a", 2, origin="x")]
        await storage.append(
            [make_commit("a", 1), kept[0], make_commit("a", 2), *kept[1:], make_commit("b", 1)]
        )
        snapshot = make_snapshot("a", {"node-a": 2})
        await storage.compact(snapshot)
        loaded = await storage.load("a")
        assert loaded == Loaded(snapshot, tuple(kept))
        assert loaded.vector == {"node-a": 3, "x": 2}
        assert (await storage.load("b")).commits == (make_commit("b", 1),)

    async def test_a_snapshot_may_come_first_and_counts_as_history(self, storage: Storage) -> None:
        snapshot = make_snapshot("a", {"node-a": 3})
        await storage.compact(snapshot)
        with pytest.raises(SequenceConflict):
            await storage.append([make_commit("a", 3)])
        await storage.append([make_commit("a", 4)])
        assert await storage.load("a") == Loaded(snapshot, (make_commit("a", 4),))

    async def test_a_snapshot_must_not_be_older(self, storage: Storage) -> None:
        await storage.compact(make_snapshot("a", {"node-a": 3}))
        for vector in ({"node-a": 2}, {"other": 9}, {}):
            with pytest.raises(StaleSnapshot, match="'a'"):
                await storage.compact(make_snapshot("a", vector))
        again = make_snapshot("a", {"node-a": 3}, update=b"smaller")
        await storage.compact(again)
        assert await storage.load("a") == Loaded(again, ())

    @pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, 5_000_000])
    async def test_snapshots_of_any_size(self, storage: Storage, size: int) -> None:
        for fill in (b"x", b"y"):
            snapshot = Snapshot("a", fill * size, {"o": 1}, 3.25)
            await storage.compact(snapshot)
            assert await storage.load("a") == Loaded(snapshot, ())

    async def test_appends_and_reads_go_on_during_a_compaction(self, storage: Storage) -> None:
        await perform_burst(storage, [[make_commit("a", n)] for n in range(1, 2001)])
        compaction = asyncio.ensure_future(
            storage.compact(make_snapshot("a", {"node-a": 2000}, update=b"s" * 4_000_000))
        )
        sequence = 2000
        while not compaction.done():
            sequence += 1
            await storage.append([make_commit("a", sequence)])
            await asyncio.sleep(0)  # a storage may do all this without ever giving way
            loaded = await storage.load("a")
            assert loaded.vector == {"node-a": sequence}
            assert len(loaded.commits) == (sequence - 2000 if loaded.snapshot else sequence)
        await compaction

    async def test_calls_take_effect_in_call_order(self, storage: Storage) -> None:
        effects: list[Effect] = [
            (make_commit("a", 1),),
            make_snapshot("a", {"node-a": 1}, update=b"s" * 5_000_000),
            Delete("a"),
            (make_commit("a", 1),),
            make_snapshot("a", {"node-a": 1}),
            (make_commit("a", 2),),
        ]
        await asyncio.gather(*[perform(storage, effect) for effect in effects])
        assert await storage.load("a") == Loaded(make_snapshot("a", {"node-a": 1}), (make_commit("a", 2),))

    async def test_a_node_counts_through_all_its_timelines(self, storage: Storage) -> None:
        commits = [make_commit("a", 1, origin="n"), make_commit("a", 2, origin="n/1")]
        commits += [make_commit("a", 3, origin="n/2"), make_commit("a", 1, origin="m/1")]
        await storage.append(commits)
        for origin in ("n", "n/1", "n/2", "n/3"):
            with pytest.raises(SequenceConflict):
                await storage.append([make_commit("a", 3, origin=origin)])
        assert (await storage.load("a")).vector == {"n/2": 3, "m/1": 1}
        await storage.compact(make_snapshot("a", {"n/1": 2}))
        loaded = await storage.load("a")
        assert loaded.commits == tuple(commits[2:])
        assert loaded.vector == {"n/2": 3, "m/1": 1}

    async def test_a_position_on_another_timeline_is_none(self, storage: Storage) -> None:
        await storage.append([make_commit("a", 1, origin="n/1"), make_commit("a", 2, origin="n/1")])
        await storage.append([make_commit("a", 3, origin="n/2")])
        assert await storage.commits_after("a", {"n/1": 1}, 9) == (
            make_commit("a", 2, origin="n/1"),
            make_commit("a", 3, origin="n/2"),
        )
        assert await storage.commits_after("a", {"n/lost": 2}, 9) is None
        assert await storage.commits_after("a", {"n/lost": 3}, 0) is None
        assert await storage.commits_after("a", {"n/more": 4}, 9) == ()
        await storage.compact(make_snapshot("a", {"n/1": 2}))
        assert await storage.commits_after("a", {"n/lost": 2}, 9) is None
        assert await storage.commits_after("a", {"n/1": 2}, 9) == (make_commit("a", 3, origin="n/2"),)
        with pytest.raises(StaleSnapshot):
            await storage.compact(make_snapshot("a", {"n/lost": 2}))

    async def test_a_deletion_may_leave_something(self, storage: Storage) -> None:
        await storage.append([make_commit("a", 1), make_commit("a", 2)])
        await storage.compact(make_snapshot("a", {"node-a": 1}))
        for name in ("a", "never there"):
            await storage.delete(name, b"remains")
            assert await storage.load(name) == Loaded(None, (), b"remains")
            assert await storage.commits_after(name, {}, 9) == ()
        assert await storage.list() == []
        again = make_commit("a", 1, origin="node-a/again")
        await storage.append([again])
        assert [info.name for info in await storage.list()] == ["a"]
        assert await storage.load("a") == Loaded(None, (again,), b"remains")
        snapshot = make_snapshot("a", {"node-a/again": 1})
        await storage.compact(snapshot)
        assert await storage.load("a") == Loaded(snapshot, (), b"remains")
        with pytest.raises(StorageError, match="4096"):
            await storage.delete("a", b"r" * 4097)
        await storage.delete("a", b"r" * 4096)
        assert await storage.load("a") == Loaded(None, (), b"r" * 4096)
        await storage.delete("a")
        assert await storage.load("a") == Loaded(None, ())

    async def test_lists_names_and_sizes_in_name_order(self, storage: Storage) -> None:
        for name in ("b/2", "b/10", "a", "b", "é/1", "b0", "\U0001f600", "\uffff"):
            await storage.append(
                [make_commit(name, 1, update=b"four"), make_commit(name, 2, update=b"5five")]
            )
        await storage.compact(make_snapshot("b", {"node-a": 1}, update=b"123"))
        names = [info.name for info in await storage.list()]
        assert names == ["a", "b", "b/10", "b/2", "b0", "é/1", "\uffff", "\U0001f600"]
        assert [info.name for info in await storage.list("b/")] == ["b/10", "b/2"]
        assert await storage.list("a") == [CollectionInfo("a", 0, 2, 9)]
        assert (await storage.list("b"))[0] == CollectionInfo("b", 3, 1, 5)
        assert await storage.list("zzz") == []

    async def test_delete_forgets(self, storage: Storage) -> None:
        await storage.append([make_commit("a", 1), make_commit("a", 2), make_commit("ab", 1)])
        await storage.compact(make_snapshot("a", {"node-a": 1}))
        await storage.delete("a")
        await storage.delete("never there")
        assert await storage.load("a") == Loaded(None, ())
        assert [info.name for info in await storage.list()] == ["ab"]
        await storage.append([make_commit("a", 1)])
        assert await storage.load("a") == Loaded(None, (make_commit("a", 1),))

    @pytest.mark.parametrize(
        "name", ["", "x" * (MAX_NAME_BYTES + 1), "é" * (MAX_NAME_BYTES // 2 + 1), "\ud800"]
    )
    async def test_names_have_limits(self, storage: Storage, name: str) -> None:
        with pytest.raises(InvalidName):
            await storage.append([make_commit("fine", 1), make_commit(name, 1)])
        with pytest.raises(InvalidName):
            await storage.append([make_commit("fine", 1, origin=name)])
        for call in (storage.load(name), storage.commits_after(name, {}, 1), storage.delete(name)):
            with pytest.raises(InvalidName):
                await call
        for snapshot in (make_snapshot(name, {}), make_snapshot("fine", {name: 1}, update=b"")):
            with pytest.raises(InvalidName):
                await storage.compact(snapshot)
        assert await storage.list() == []

    async def test_a_name_of_the_longest_kind(self, storage: Storage) -> None:
        name = "é" * (MAX_NAME_BYTES // 2)
        await storage.append([make_commit(name, 1)])
        assert [info.name for info in await storage.list("é")] == [name]

    async def test_statistics(self, storage: Storage) -> None:
        await perform_burst(storage, [[make_commit("a", n), make_commit("b", n)] for n in range(1, 11)])
        stats = await storage.stats()
        assert (stats.collections, stats.commits, stats.backlog) == (2, 20, 0)
        assert 1 <= stats.flushes <= 10
        assert stats.commits_per_flush == 20 / stats.flushes
        assert stats.bytes > 0
        assert stats.last_flush_seconds >= 0

    async def test_after_close_every_call_says_closed(self, storage: Storage) -> None:
        future = storage.append([make_commit("a", 1)])
        await storage.close()
        assert future.done()
        assert future.exception() is None
        await storage.close()
        with pytest.raises(StorageClosed):
            await storage.append([make_commit("a", 2)])
        calls = (storage.load("a"), storage.commits_after("a", {}, 1), storage.list(), storage.stats())
        for call in (*calls, storage.delete("a"), storage.compact(make_snapshot("a", {}))):
            with pytest.raises(StorageClosed):
                await call
