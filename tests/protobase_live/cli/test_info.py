"""What a storage holds."""

import json

import protobase_live as pb
from protobase_storage import StorageFull
from tests.protobase_live.cli.command import run


async def test_figures(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    async with pb.open(storage) as db:
        for name in ("tasks", "boards/42"):
            await (await db.collection(name)).insert({"n": 1})
    table = await run("info", storage)
    found = json.loads((await run("info", storage, "--json")).out)
    assert (table.code, table.err) == (0, "")
    assert "boards/42" in table.out
    assert "2 collections" in table.out
    assert [each["name"] for each in found["collections"]] == ["boards/42", "tasks"]
    assert all(each["log_commits"] == 1 and each["log_bytes"] > 0 for each in found["collections"])
    assert found["bytes"] > 0


async def test_names_are_no_markup():
    names = ["[bold]", "a[/b]", "list[red]"]
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        for name in names:
            await (await db.collection(name)).insert({"n": 1})
        db.read_only.add("a[/b]", StorageFull("[/full]"))
        table = await run("info", server.url)
    assert [line.split()[0] for line in table.out.splitlines()[1:4]] == names
    assert "read-only: [/full]" in table.out


async def test_figures_of_a_server():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        await (await db.collection("tasks")).insert({"n": 1})
        table = await run("info", server.url)
        found = json.loads((await run("info", server.url, "--json")).out)
    assert (table.code, table.err, table.out.splitlines()[-1]) == (0, "", "1 collections")
    assert [each["name"] for each in found["collections"]] == ["tasks"]
    assert found["bytes"] is None


async def test_a_server_tells_what_is_read_only_and_why():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        for name in ("tasks", "others"):
            await (await db.collection(name)).insert({"n": 1})
        db.read_only.add("tasks", StorageFull("no room left"))
        table = await run("info", server.url)
        found = json.loads((await run("info", server.url, "--json")).out)
    assert [each["read_only"] for each in found["collections"]] == [None, "no room left"]
    assert ["read-only: no room left" in line for line in table.out.splitlines()[1:3]] == [False, True]


async def test_what_is_no_storage_is_one_line(tmp_path):
    for url, says in ((f"file:{tmp_path}", "there is no database"), ("nosuch:x", "is no storage")):
        ended = await run("info", url)
        assert (ended.code, ended.out) == (1, "")
        assert says in ended.err
    assert not list(tmp_path.iterdir())
