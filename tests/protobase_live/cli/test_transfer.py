"""``export`` and ``import``, from and to storages and servers."""

import json

import pytest
from pycrdt import Doc, Text
from websockets.asyncio.client import connect

import protobase_live as pb
from protobase_live.protocol import yjs
from tests.protobase_live.cli.command import run

LINES = [
    {"collection": "boards/42", "structure": "records", "key": "é", "value": {"a": 1}, "merges": {}},
    {"collection": "boards/42", "structure": "tags", "kind": "set", "value": ["x", "y"]},
    {"collection": "tasks", "structure": "records", "key": "t", "value": {"n": 2},
     "merges": {"n": "counter"}},
    {"collection": "tasks", "structure": "notes", "kind": "text",
     "value": [["b", {"bold": True}], ["c", None]]},
]  # fmt: skip
NDJSON = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES)


@pytest.fixture
async def server():
    """A server of an empty database: its address."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        yield server.url


async def test_storage_round_trip(tmp_path):
    storage, file = f"file:{tmp_path / 'data'}", tmp_path / "lines"
    file.write_text(NDJSON)
    assert await run("import", storage, file) == (0, "", "")
    assert await run("export", storage) == (0, NDJSON, "")
    one = await run("export", storage, "tasks", "no/such")
    assert one == (0, "".join(NDJSON.splitlines(keepends=True)[2:]), "")
    async with pb.open(storage) as db:
        tasks = await db.collection("tasks")
        await tasks.field("t", "n", pb.Counter).add(3)
        assert await tasks.get("t") == {"n": 5}
        assert await tasks.text("notes").value() == "bc"
        async with tasks.changes(since="koAA") as changes:  # from the beginning
            assert {(await anext(changes)).structure for _ in range(2)} == {"records", "notes"}


async def test_server_round_trip(server):
    assert await run("import", server, stdin=NDJSON) == (0, "", "")
    assert await run("export", server, "boards/42", "tasks") == (0, NDJSON, "")


async def test_what_a_yjs_client_wrote_is_exported(server):
    doc = Doc()
    doc.get("editor", type=Text).insert(0, "typed")
    async with connect(server.replace("http", "ws") + "/yjs/notes") as connection:
        await connection.send(yjs.encode_update(doc.get_update()))
        ended = await run("export", server, "notes")
    line = {"collection": "notes", "structure": "editor", "kind": "text", "value": "typed"}
    assert json.loads(ended.out) == line


async def test_only_empty_collections_are_imported_into(tmp_path, server):
    for target in (f"file:{tmp_path / 'data'}", server):
        first = await run("import", target, stdin=NDJSON.splitlines()[2])
        assert first.code == 0
        second = await run("import", target, stdin=NDJSON)
        assert (second.code, second.out) == (1, "")
        assert "collection 'tasks' is not empty" in second.err
        assert "stored before it: boards/42" in second.err


async def test_a_malformed_line_is_named(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    for wrong in ("{", "[]", '{"collection": ""}', '{"collection": "tasks", "structure": 1}'):
        ended = await run("import", storage, stdin=NDJSON + wrong)
        assert (ended.code, ended.out) == (1, "")
        assert "error: line 5: " in ended.err
        (tmp_path / "data" / "protobase.db").unlink()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export", "file:nosuch"], "there is no database in 'nosuch'"),
        (["export", "ws://127.0.0.1:1"], "name the collections to export"),
        (["export", "ws://127.0.0.1:1", "tasks"], "cannot connect to ws://127.0.0.1:1"),
        (["import", "memory:", "no such file"], "No such file"),
    ],
)
async def test_what_cannot_be_done_is_one_line(arguments, says):
    ended = await run(*arguments)
    assert (ended.code, ended.out) == (1, "")
    assert says in ended.err
    assert ended.err.count("\n") == 1


async def test_bad_names_are_refused(server):
    ended = await run("export", server, "a//b")
    assert (ended.code, ended.out) == (1, "")
    assert "empty segment" in ended.err
