"""A folder that a version without timelines wrote opens, and its cursors go on."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

import protobase_live as pb

FOLDER = Path(__file__).parents[1] / "data" / "folders" / "without-timelines.db.gz"
"""Seven commits with a record each, the first six folded; one with three records, a text, a set."""

AFTER_6, AFTER_7 = "koGsNTlmYWYzNjEwNzRhBgA", "koGsNTlmYWYzNjEwNzRhBwA"
"""Cursors behind what was folded, and behind the first commit of the log."""

HALF = "koGsNTlmYWYzNjEwNzRhBwE"
"""A cursor behind the first of three changes: it does not say of which commit."""

LIVE = "ksQIC81YHVsZOJSBpXRhc2tzgaw1OWZhZjM2MTA3NGEJ"
"""A cursor of the live query of all records, behind all but the last commit."""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "protobase.db").write_bytes(gzip.decompress(FOLDER.read_bytes()))
    return f"file:{tmp_path}"


async def test_what_is_in_it(folder: str) -> None:
    async with pb.open(folder) as db:
        tasks = await db.collection("tasks")
        assert await tasks.keys() == [*(f"k{n}" for n in range(7)), "m0", "m1", "m2"]
        assert await tasks.text("notes").value() == "written by an earlier version"
        assert await tasks.set("tags").values() == {"a"}


@pytest.mark.parametrize(
    ("since", "kinds"),
    [(AFTER_7, ["insert"] * 6), (AFTER_6, ["insert"] * 7)],
)
async def test_its_cursors_go_on(folder: str, since: str, kinds: list[str]) -> None:
    """Three records, the text, the set and the new record, with the seventh record or with all."""
    for key in ("new", "newer"):
        async with pb.open(folder) as db:
            tasks, found = await db.collection("tasks"), []
            await tasks.put({"n": 1}, key=key)
            async with tasks.changes(since=since) as changes:
                while not found or found[-1].key != key:
                    found.append(await anext(changes))
            since = found[-1].cursor
            assert [change.kind.replace("update", "insert") for change in found] == kinds
            kinds = ["insert"]


async def test_half_a_commit_of_nobody_knows_whom_is_told_anew(folder: str) -> None:
    async with pb.open(folder) as db, (await db.collection("tasks")).changes(since=HALF) as changes:
        assert [(await anext(changes)).kind for _ in range(13)] == ["reset"] + ["insert"] * 12


async def test_its_live_queries_go_on(folder: str) -> None:
    async with pb.open(folder) as db:
        rows = [{"_key": f"k{n}", "n": n} for n in range(7)] + [{"_key": f"m{n}", "n": n} for n in range(3)]
        async with db.live(pb.Query("tasks")) as live:
            last = live.cursor
        async with db.live(pb.Query("tasks"), since=last, rows=rows) as live:
            await (await db.collection("tasks")).put({"n": 1}, key="new")
            assert not (await anext(live)).reset
        async with db.live(pb.Query("tasks"), since=LIVE, rows=[]) as live:
            assert len(live.rows) == 11
