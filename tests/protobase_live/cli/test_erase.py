"""``protobase-live erase``: where it was done, what is left to be done, and what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import protobase_live as pb
from protobase_live.database.opening import open_storage
from protobase_live.model.erasure import Erasure
from protobase_live.server.server import Server
from protobase_live.workers.stores import Stores
from tests.protobase_live.cli.command import run


async def test_it_says_where_it_was_done(tmp_path: Path) -> None:
    url = f"file:{tmp_path / 'data'}"
    async with pb.open(url) as db:
        await (await db.collection("tasks")).put({"title": "secret"}, key="t1")
        await (await db.collection("tasks")).put({"title": "kept"}, key="t2")
        node = db.node
    assert await run("erase", url, "tasks", "t1") == (0, f"erased on {node}\n", "")
    assert b"secret" not in (tmp_path / "data" / "protobase.db").read_bytes()
    again = "there is no record 't1' in 'tasks' now; what may have been left of it is erased\n"
    assert await run("erase", url, "tasks", "t1") == (0, f"{again}erased on {node}\n", "")
    code, out, err = await run("erase", url, "tasks", "--json")
    assert (code, json.loads(out), err) == (0, {"done": [node], "left": {}, "found": True}, "")
    again = "there is no collection 'tasks' now; what may have been left of it is erased\n"
    assert await run("erase", url, "tasks") == (0, f"{again}erased on {node}\n", "")
    async with pb.open(url) as db:
        assert await db.collections() == []


async def test_a_storage_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    code, out, err = await run("erase", f"file:{tmp_path / 'none'}", "tasks")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert not (tmp_path / "none").exists()


async def test_a_collection_that_never_was_is_an_error(tmp_path: Path) -> None:
    async with pb.open(f"file:{tmp_path}") as db:
        await (await db.collection("tasks")).put({"title": "kept"}, key="t1")
    for given in (["tasks2"], ["tasks2", "t1"]):
        code, out, err = await run("erase", f"file:{tmp_path}", *given)
        assert (code, out, err.startswith("error: there is no collection 'tasks2'")) == (1, "", True)


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


async def test_the_stores_of_all_workers_are_erased(tmp_path: Path) -> None:
    url, other = f"file:{tmp_path}", f"file:{tmp_path}/workers/1"
    nodes: list[str] = []
    for each in (url, other):
        async with pb.open(each) as db:
            await (await db.collection("tasks")).put({"title": "secret"}, key="t1")
            nodes.append(db.node)
    code, _, err = await run("erase", url, "tasks", "t1")
    assert (code, "workers/1 may hold commits that the first worker lacks" in err) == (1, True)
    Stores(url).settle(1)
    assert await run("erase", url, "tasks", "t1") == (0, f"erased on {nodes[0]}\nerased on {nodes[1]}\n", "")
    for folder in (tmp_path, tmp_path / "workers" / "1"):
        assert b"secret" not in b"".join(each.read_bytes() for each in folder.glob("protobase.db*"))
    remains = [await remains_in(each) for each in (url, other)]
    assert remains[0] == remains[1] != b"", "they are of one history, and the second store gets what is left"


async def remains_in(url: str) -> bytes:
    storage = await open_storage(url)
    remains = (await storage.standing("tasks")).remains
    await storage.close()
    return remains


async def test_it_is_said_that_another_worker_may_have_more(tmp_path: Path) -> None:
    """A backup of the first store alone is not known to have everything."""
    for each in (tmp_path, tmp_path / "workers" / "1"):
        async with pb.open(f"file:{each}"):
            pass
    told = await run("info", f"file:{tmp_path}")
    assert told.code == 0
    assert told.err.startswith(f"note: {tmp_path}/workers/1 may hold commits that the first worker lacks")
    Stores(f"file:{tmp_path}").settle(1)
    assert (await run("info", f"file:{tmp_path}")).err == ""
