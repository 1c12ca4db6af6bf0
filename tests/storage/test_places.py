"""Who reads a long log in portions reads no row of it twice."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protobase_storage import CollectionCorrupt, Commit, FileStorage, Vector, reader
from protobase_storage.conformance.model import make_commit
from protobase_storage.file import DATABASE_NAME
from protobase_storage.places import PLACES_KEPT, Place, Places


def of_timeline(sequence: int) -> Commit:
    return replace(make_commit("c", sequence), origin="n/1")


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The positions of the rows that are read."""
    found, read = list[int](), reader.read_commit

    def noting(name: str, row: tuple[Any, ...], covered: Vector) -> Commit | None:
        found.append(row[1])
        return read(name, row, covered)

    monkeypatch.setattr(reader, "read_commit", noting)
    return found


async def test_a_log_is_read_on_where_the_last_portion_ended(tmp_path: Path, rows: list[int]) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("c", n) for n in range(1, 7)])
    for known in (0, 2, 4, 6):
        found = await storage.commits_after("c", {"node-a": known} if known else {}, 2)
        assert [each.sequence for each in found or ()] == list(range(known + 1, min(known + 3, 7)))
    await storage.append([make_commit("c", 7)])
    assert await storage.commits_after("c", {"node-a": 6}, 2) == (make_commit("c", 7),)
    await storage.close()
    assert sorted({*rows}) == list(range(1, 8))
    assert len(rows) <= 7 + 2  # one beyond a full portion is looked at


async def test_who_has_a_little_more_than_another_is_read_on_from_there(
    tmp_path: Path, rows: list[int]
) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("c", n) for n in range(1, 101)])
    assert len(await storage.commits_after("c", {"node-a": 90}, 99) or ()) == 10
    rows.clear()
    assert len(await storage.commits_after("c", {"node-a": 95, "other": 3}, 99) or ()) == 5
    await storage.close()
    assert rows == list(range(91, 101))


async def test_what_is_covered_is_checked_all_the_same(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("c", n) for n in range(1, 4)])
    await storage.close()
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection, connection:
        connection.execute("UPDATE log SET body = x'00' WHERE position = 1")
    storage = await FileStorage.open(tmp_path)
    with pytest.raises(CollectionCorrupt, match="position 1 fails its checksum"):
        await storage.commits_after("c", {"node-a": 2}, 9)
    await storage.close()


async def test_what_was_compared_is_not_compared_again(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("c", n) for n in range(1, 7)])
    behind, forks = list[int](), storage._reads.reader._forks
    storage._reads.reader._forks = lambda *how: behind.append(how[-1]) or forks(*how)  # type: ignore[method-assign]
    for known in (0, 2, 4):
        await storage.commits_after("c", {"node-a": known} if known else {}, 2)
    await storage.append([make_commit("c", 7)])
    await storage.commits_after("c", {"node-a": 6}, 2)
    await storage.close()
    assert behind == [0, 6, 6, 6]


async def test_another_commit_in_the_place_of_one_is_found_behind_it_too(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([of_timeline(1), of_timeline(2)])
    assert await storage.commits_after("c", {"n/lost": 3}, 9) == ()
    await storage.append([of_timeline(3)])
    assert await storage.commits_after("c", {"n/lost": 3}, 9) is None
    await storage.close()


async def test_a_collection_that_was_made_anew_is_read_from_its_start(tmp_path: Path) -> None:
    storage = await FileStorage.open(tmp_path)
    await storage.append([make_commit("c", 1), make_commit("c", 2)])
    assert len(await storage.commits_after("c", {}, 2) or ()) == 2
    await storage.delete("c")
    await storage.append([make_commit("c", n) for n in (1, 2, 3)])
    assert await storage.commits_after("c", {"node-a": 2}, 2) == (make_commit("c", 3),)
    await storage.close()


def test_only_so_many_places_are_kept() -> None:
    places = Places()
    for n in range(PLACES_KEPT + 1):
        places.keep(n, {"n": 1}, Place(7, 8))
    assert places.of(0, {"n": 1}) == Place(0, 0)
    assert places.of(1, {"n": 1}) == places.of(PLACES_KEPT, {"n": 1}) == Place(7, 8)


def test_the_furthest_place_is_taken_of_who_has_no_more_of_the_same_collection() -> None:
    places = Places()
    places.keep(1, {"n": 1}, Place(3, 9))
    places.keep(1, {"n": 4}, Place(6, 9))
    places.keep(1, {"n": 6}, Place(8, 9))
    places.keep(2, {"n": 4}, Place(7, 9))
    assert places.of(1, {"n": 5, "m": 1}) == Place(6, 0)  # nothing of it was compared with this vector
    assert places.of(1, {"n": 4}) == Place(6, 9)
    assert places.of(1, {"m": 1}) == Place()


@pytest.mark.parametrize(("vector", "read"), [({"n/2": 5}, 6), ({"n/2": 4}, 0)])
def test_a_vector_of_another_timeline_has_what_is_before_it(vector: dict[str, int], read: int) -> None:
    places = Places()
    places.keep(1, {"n/1": 4}, Place(6, 6))
    assert places.of(1, vector) == Place(read, 0)
