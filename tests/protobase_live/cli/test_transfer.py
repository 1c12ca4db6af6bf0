"""``export`` and ``import``, from and to storages and servers."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pycrdt import Doc, Map, Text
from websockets.asyncio.client import connect

import protobase_live as pb
from protobase_live.cli import portable, transfer, yjs_peer
from protobase_live.database.opening import open_storage as opened
from protobase_live.errors import ValidationError
from protobase_live.protocol.yjs import messages as yjs
from protobase_storage import Commit, Storage
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


@asynccontextmanager
async def open_storage(url: str) -> AsyncIterator[Storage]:
    storage = await opened(url)
    try:
        yield storage
    finally:
        await storage.close()


def readable(out: str) -> str:
    """The lines of an export but those with updates."""
    return "".join(line for line in out.splitlines(keepends=True) if "update" not in json.loads(line))


@pytest.fixture
async def server():
    """A server of an empty database: its address."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        yield server.url


async def test_storage_round_trip(tmp_path):
    storage, file = f"file:{tmp_path / 'data'}", tmp_path / "lines"
    file.write_text(NDJSON)
    assert await run("import", storage, file) == (0, "", "")
    whole = await run("export", storage)
    assert (whole.code, readable(whole.out), whole.err) == (0, NDJSON, "")
    one = await run("export", storage, "tasks", "tasks")
    assert (one.code, one.out, one.err) == (0, "".join(whole.out.splitlines(keepends=True)[3:]), "")
    async with pb.open(storage) as db:
        tasks = await db.collection("tasks")
        await tasks.field("t", "n", pb.Counter).add(3)
        assert await tasks.get("t") == {"n": 5}
        assert await tasks.text("notes").value() == "bc"
        async with tasks.changes(since="koAA") as changes:  # from the beginning
            assert {(await anext(changes)).structure for _ in range(2)} == {"records", "notes"}


async def test_server_round_trip(server):
    assert await run("import", server, stdin=NDJSON) == (0, "", "")
    exported = await run("export", server, "boards/42", "tasks")
    assert (exported.code, readable(exported.out), exported.err) == (0, NDJSON, "")


async def exported_as_typed(server):
    """What `export` says of notes into whose editor a Yjs client has typed."""
    doc = Doc()
    doc.get("editor", type=Text).insert(0, "typed")
    async with connect(server.replace("http", "ws") + "/yjs/notes") as connection:
        await connection.send(yjs.encode_update(doc.get_update()))
        return await run("export", server, "notes")


async def test_what_was_dropped_can_be_imported_again(server):
    """It is meant to come back, where a page with a copy of it is refused."""
    exported = await exported_as_typed(server)
    async with pb.connect(server) as db:
        await db.drop("notes")
        assert await run("import", server, stdin=exported.out) == (0, "", "")
        assert await (await db.collection("notes")).text("editor").value() == "typed"


async def test_what_a_yjs_client_wrote_is_exported(server):
    ended = await exported_as_typed(server)
    line = {"collection": "notes", "structure": "editor", "kind": "text", "value": "typed"}
    assert json.loads(readable(ended.out)) == line


async def test_only_empty_collections_are_imported_into(tmp_path, server):
    for target in (f"file:{tmp_path / 'data'}", server):
        first = await run("import", target, stdin=NDJSON.splitlines()[2])
        assert first.code == 0
        second = await run("import", target, stdin=NDJSON)
        assert (second.code, second.out) == (1, "")
        assert "collection 'tasks' is not empty" in second.err
        assert "(stored: boards/42)" in second.err


async def test_an_import_can_be_repeated_and_completed(tmp_path, server):
    """Readable lines make the same document each time; of an exact one, what is missing is added."""
    doc: Doc = Doc()
    states = []
    for n in range(3):
        doc.get("records", type=Map)[f"k{n}"] = Map({"n": n})
        states.append(doc.get_update())
    exact = [{"collection": "exact", "update": base64.b64encode(each).decode()} for each in states]
    for target in (f"file:{tmp_path / 'data'}", server):
        for line in (exact[0], exact[2], exact[1]):
            for _ in range(2):
                ended = await run("import", target, stdin=NDJSON + json.dumps(line))
                assert ended == (0, "", "")
        exported = await run("export", target)
        assert exported.out.count('"update"') == 3
        assert json.loads(exported.out.splitlines()[3]) == exact[2]


async def test_wrong_lines_and_odd_names_stop_nothing_else(tmp_path, server):
    doc: Doc = Doc()
    doc.get("t", type=Text).insert(0, "odd")
    odd = {"collection": "a//b", "update": base64.b64encode(doc.get_update()).decode()}
    first, behind, last = (json.dumps({**LINES[0], "collection": name}) for name in ("a", "y", "z"))
    stdin = "\n".join(("{", first, json.dumps(odd), NDJSON.strip(), "[]", behind, last))
    for target, stored in ((f"file:{tmp_path / 'data'}", "a//b, boards/42, z"), (server, "boards/42, z")):
        ended = await run("import", target, stdin=stdin)
        assert (ended.code, ended.err.count("\n")) == (1, 1)
        assert all(ended.err.count(f"line {number}: ") == 1 for number in (1, 8))
        assert f"(stored: {stored})" in ended.err


async def test_a_damaged_line_spoils_the_collection_that_it_begins(tmp_path):
    """Of an export, whose collection before is whole; where a line may be of both, both are spoiled."""
    source, copy = f"file:{tmp_path / 'source'}", f"file:{tmp_path / 'copy'}"
    three = [json.dumps({**LINES[0], "collection": name}) for name in "abc"]
    assert (await run("import", source, stdin="\n".join(three))).code == 0
    exported = (await run("export", source)).out.splitlines()
    ended = await run("import", copy, stdin="\n".join([*exported[:2], exported[2][1:], *exported[3:]]))
    assert ended.code == 1
    assert "error: line 3: " in ended.err
    assert "(stored: a, c)" in ended.err
    assert (await run("export", copy)).out.splitlines() == exported[:2] + exported[4:]
    ended = await run("import", "memory:", stdin="\n".join([three[0], "{", *three[1:]]))
    assert "(stored: c)" in ended.err
    ended = await run("import", "memory:", stdin="\n".join([*exported[:3], "{", *exported[3:]]))
    assert "(stored: a, c)" in ended.err
    ended = await run("import", "memory:", stdin="\n".join([*exported, "{"]))
    assert "(stored: a, b)" in ended.err


async def test_a_long_export_is_imported(tmp_path, monkeypatch, capsys):
    """Its update is several lines, none of which is longer than an import takes."""
    storage, file, copy = f"file:{tmp_path / 'data'}", tmp_path / "lines", f"file:{tmp_path / 'copy'}"
    async with pb.open(storage) as db:
        texts = await db.collection("texts")
        for n in range(20):
            await texts.put({"text": "x" * 1_000}, key=f"k{n}")
        await texts.delete("k3")
    whole = (await run("export", storage)).out
    monkeypatch.setattr(transfer, "MAX_UPDATE_BYTES", 2_500)
    monkeypatch.setattr(transfer, "MAX_LINE_BYTES", 8_000)
    await transfer._export(storage, (), None, False)
    printed = capsys.readouterr().out
    assert printed.count('"update"') > 3
    assert max(map(len, printed.splitlines())) < 8_000
    file.write_text(printed)
    await transfer._import(copy, file, None, False)
    assert (await run("export", copy)).out == whole
    file.write_text(f"{NDJSON.splitlines()[0]}\n{whole}{json.dumps({**LINES[0], 'collection': 'z'})}\n")
    with pytest.raises(ValidationError, match=r"^line 2: longer than 8000 bytes \(stored: z\)$"):
        await transfer._import("memory:", file, None, False)


async def test_lines_are_utf_8_in_any_locale(tmp_path):
    storage, file = f"file:{tmp_path / 'data'}", tmp_path / "lines"
    latin = ("env", "PYTHONUTF8=0", "PYTHONIOENCODING=latin-1")
    assert await run("import", storage, stdin=NDJSON.replace("é", "€"), before=latin) == (0, "", "")
    assert readable((await run("export", storage, before=latin)).out) == NDJSON.replace("é", "€")
    file.write_bytes(b'{"collection": "\xe9"}\n')
    ended = await run("import", "memory:", file)
    assert ended == (1, "", "error: line 1: not UTF-8 (nothing was stored)\n")


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
        (["export", "ws://127.0.0.1:1", "tasks"], "cannot connect to ws://127.0.0.1:1"),
        (["import", "memory:", "no such file"], "No such file"),
    ],
)
async def test_what_cannot_be_done_is_one_line(arguments, says):
    ended = await run(*arguments)
    assert (ended.code, ended.out) == (1, "")
    assert says in ended.err
    assert ended.err.count("\n") == 1


async def test_a_collection_that_is_not_there_is_named(tmp_path, server):
    storage = f"file:{tmp_path / 'data'}"
    for url in (storage, server):
        assert (await run("import", url, stdin=NDJSON)).code == 0
        ended = await run("export", url, "task", "tasks", "zz")
        absent = "there is no collection 'task'; did you mean 'tasks'?, and there is no collection 'zz'"
        assert ended == (1, "", f"error: {absent}\n")
        assert (await run("delete", url, "task")).err.startswith("error: there is no collection 'task'; did")


async def test_bad_names_are_refused(server):
    ended = await run("export", server, "a//b")
    assert (ended.code, ended.out) == (1, "")
    assert "empty segment" in ended.err


ODD_NAMES = ("", "a//b", "..", "\x00", "n" * 600)


def odd_document() -> Doc:
    """What readable lines cannot say, or not exactly."""
    doc: Doc = Doc()
    for name in ODD_NAMES:
        doc.get(name, type=Map)["k"] = 1
    records = doc.get("records", type=Map)
    records[""], records["k" * 600], records["no record"] = Map({"_key": 1}), Map({"": 2}), 5
    doc.get("subs", type=Map)["sub"] = Doc()
    text = doc.get("text", type=Text)
    text.insert(0, "a")
    text.insert_embed(1, Map({"a": 1}))
    return doc


async def test_whatever_is_stored_comes_back_byte_for_byte(tmp_path):
    source, copy = (f"file:{tmp_path / name}" for name in ("source", "copy"))
    updates = {name: odd_document().get_update() for name in "amz"}
    async with open_storage(source) as storage:
        for name, update in updates.items():
            await storage.append([Commit(storage.identity, 1, name, update, (), 1.0)])
    exported = await run("export", source)
    assert exported.code == 0
    assert await run("import", copy, stdin=exported.out) == (0, "", "")
    assert (await run("export", copy)).out == exported.out
    async with open_storage(copy) as storage:
        for name, update in updates.items():
            assert [each.update for each in (await storage.load(name)).commits] == [update]


async def test_what_cannot_be_read_is_exported_as_it_is(tmp_path):
    """Stored bytes that are no update: the other collections, and these bytes, are exported all the same."""
    source = f"file:{tmp_path / 'data'}"
    good = odd_document().get_update()
    async with open_storage(source) as storage:
        for name, update in (("a", good), ("bad", b"\x01\x01\x01"), ("z", good)):
            await storage.append([Commit(storage.identity, 1, name, update, (), 1.0)])
            await storage.append([Commit(storage.identity, 2, name, update, (), 1.0)])
    ended = await run("export", source)
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert (ended.code, {line["collection"] for line in lines}) == (0, {"a", "bad", "z"})
    assert "note: 'bad' is exported as its updates only: " in ended.err
    assert ended.err.count("\n") == 1
    raw = await run("export", source, "--raw")
    expected = [("a", good)] * 2 + [("bad", b"\x01\x01\x01")] * 2 + [("z", good)] * 2
    found = [json.loads(line) for line in raw.out.splitlines()]
    assert [(line["collection"], base64.b64decode(line["update"])) for line in found] == expected


async def test_a_collection_that_fails_does_not_stop_the_others(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    wrong = {"collection": "m", "update": "AQ=="}
    stdin = "".join(json.dumps(line) + "\n" for line in (LINES[0], wrong, LINES[2], LINES[3]))
    ended = await run("import", storage, stdin=stdin)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "line 2: " in ended.err
    assert "(stored: boards/42, tasks)" in ended.err
    exported = await run("export", storage)
    assert readable(exported.out).splitlines() == [NDJSON.splitlines()[n] for n in (0, 2, 3)]


REFUSED = {
    "a kind that is none": {"structure": "records", "key": "k", "value": {"v": 1}, "merges": {"v": ["set"]}},
    "XML in a record": {"structure": "records", "key": "k", "value": {"f": {"@": "y.xmltext", "v": []}}},
    "XML in a list": {"structure": "l", "kind": "list",
                      "value": [{"@": "y.element", "tag": "p", "attributes": {}, "v": []}]},
    "a document": {"structure": "d", "kind": "dict", "value": {"k": {"@": "y.doc"}}},
    "a surrogate": {"structure": "t", "kind": "text", "value": "\ud800"},
}  # fmt: skip


async def test_what_cannot_be_made_stops_nothing_else(tmp_path):
    lines = [{"collection": name, **line} for name, line in REFUSED.items()]
    ended = await run("import", "memory:", stdin="\n".join(map(json.dumps, [*lines, LINES[0]])))
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert ended.err.endswith("(stored: boards/42)\n")
    assert all(f"line {number}: " in ended.err for number in range(1, len(lines) + 1))


async def test_names_that_nobody_can_open_are_not_made():
    names = ["a/../b", "c\tc", "\x01node", "\ud800"]
    lines = [{**LINES[0], "collection": name} for name in names]
    lines.append(
        {"collection": "\x01other", "update": base64.b64encode(odd_document().get_update()).decode()}
    )
    ended = await run("import", "memory:", stdin="\n".join(map(json.dumps, [*lines, LINES[0]])))
    assert (ended.code, ended.err.count("\n"), ended.err.count("collection name ")) == (1, 1, 4)
    assert ended.err.endswith("(stored: boards/42)\n")


async def test_a_collection_with_an_index_comes_back(tmp_path):
    """From its update, and from its readable lines alone."""
    storage = f"file:{tmp_path / 'data'}"
    async with pb.open(storage) as db:
        tasks = await db.collection("tasks")
        await tasks.index("owner")
        await tasks.put({"owner": "ann"}, key="t")
    exported = (await run("export", storage)).out
    for name, lines in (("whole", exported), ("lines", readable(exported))):
        copy = f"file:{tmp_path / name}"
        assert await run("import", copy, stdin=lines) == (0, "", "")
        assert readable((await run("export", copy)).out) == readable(exported)
        async with pb.open(copy) as db:
            assert await (await db.collection("tasks")).indexes() == [("owner",)]


async def test_indexes_of_an_older_export(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    line = {"collection": "tasks", "structure": "indexes", "kind": "dict", "value": {'["owner"]': True}}
    assert (await run("import", storage, stdin=json.dumps(line))).code == 0
    async with pb.open(storage) as db:
        assert await (await db.collection("tasks")).indexes() == [("owner",)]


async def test_what_a_server_does_not_take_is_one_line(server, monkeypatch):
    monkeypatch.setattr(yjs_peer, "MAX_SENT_BYTES", 10)
    with pytest.raises(ValidationError, match="has an update of 11 bytes, and a server takes 10"):
        await yjs_peer.bring(server, "tasks", None, [b"x" * 11])


def test_a_large_import_is_made_in_parts(monkeypatch):
    monkeypatch.setattr(portable, "MAX_PART_BYTES", 2_000)
    draft = portable.Draft("w")
    for n in range(10):
        draft.add({"structure": "records", "key": f"k{n}", "value": {"text": "x" * 900}})
    doc: Doc = Doc()
    for update in draft.updates():
        assert len(update) < 3_000
        doc.apply_update(update)
    assert len(doc.get("records", type=Map)) == 10
    assert len(draft.updates()) == 5


async def test_a_collection_can_be_deleted(tmp_path):
    storage = f"file:{tmp_path / 'data'}"
    assert (await run("import", storage, stdin=NDJSON)).code == 0
    assert await run("delete", storage, "tasks") == (0, "", "")
    assert "tasks" not in (await run("export", storage)).out
    again = await run("delete", storage, "tasks")
    assert (again.code, "there is no collection 'tasks'" in again.err) == (1, True)


async def test_the_servers_own_collections_are_exported(tmp_path, server):
    """A storage takes them back; nobody but `restore` brings them to a server that runs."""
    url, copy = f"file:{tmp_path / 'data'}", f"file:{tmp_path / 'copy'}"
    async with open_storage(url) as storage:
        await storage.append([Commit("n", 1, "protobase:x", odd_document().get_update(), (), 1.0)])
    exported = await run("export", url)
    assert '"collection": "protobase:x"' in exported.out
    assert await run("import", copy, stdin=exported.out) == (0, "", "")
    assert (await run("export", copy)).out == exported.out
    ended = await run("import", server, stdin=exported.out)
    assert (ended.code, ended.out) == (0, "")
    assert "'protobase:x' is left out" in ended.err
