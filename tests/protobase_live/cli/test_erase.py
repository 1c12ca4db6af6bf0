"""``protobase-live erase``: where it was done, what is left to be done, and what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import protobase_live as pb
from protobase_live.model.erasure import Erasure
from protobase_live.server.server import Server
from tests.protobase_live.cli.command import run


async def test_it_says_where_it_was_done(tmp_path: Path) -> None:
    url = f"file:{tmp_path / 'data'}"
    async with pb.open(url) as db:
        await (await db.collection("tasks")).put({"title": "secret"}, key="t1")
        await (await db.collection("tasks")).put({"title": "kept"}, key="t2")
        node = db.node
    assert await run("erase", url, "tasks", "t1") == (0, f"erased on {node}\n", "")
    assert b"secret" not in (tmp_path / "data" / "protobase.db").read_bytes()
    code, out, err = await run("erase", url, "tasks", "--json")
    assert (code, json.loads(out), err) == (0, {"done": [node], "left": {}}, "")
    async with pb.open(url) as db:
        assert await db.collections() == []


async def test_a_storage_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    code, out, err = await run("erase", f"file:{tmp_path / 'none'}", "tasks")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert not (tmp_path / "none").exists()


async def test_a_name_that_users_may_not_have(tmp_path: Path) -> None:
    async with pb.open(f"file:{tmp_path}") as db, Server(db, "127.0.0.1", 0) as server:
        code, _, err = await run("erase", server.url, "protobase:requests/1")
        assert (code, err.startswith("error: ")) == (1, True)


async def test_what_is_left_to_be_done_is_named(tmp_path: Path, monkeypatch) -> None:
    async with pb.open(f"file:{tmp_path}") as db, Server(db, "127.0.0.1", 0) as server:
        left = Erasure(["n1"], {"n2": "it is not linked with this node now"})

        async def erase(collection: str, key: str | None = None) -> Erasure:
            return left

        monkeypatch.setattr(db, "erase", erase)
        code, out, err = await run("erase", server.url, "tasks")
        told = "erased on n1\nnot known of n2: it is not linked with this node now\n"
        assert (code, out, err) == (1, told, "error: left to be done by n2\n")
