"""Asking from the command line."""

import asyncio
import json
import os
import signal
import termios
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import protobase_live as pb
from protobase_live.cli.query import diff_line, parameter
from protobase_live.errors import ValidationError
from protobase_live.query.result.diff import Diff, RowChange
from tests.protobase_live.cli.command import COMMAND, SECONDS, error_line, line, run, running, stop

QUERY = "tasks where priority > :least order by -priority"
TASKS = {
    "t1": {"title": "Write", "priority": 3, "tags": ["a", "b"]},
    "t2": {"title": "Read, again", "priority": 10, "done": True},
    "t3": {"title": "Rest", "priority": 1},
}
TABLE = """\
_key  done  priority  tags       title
t2    true        10             Read, again
t1                 3  ["a","b"]  Write
"""


@asynccontextmanager
async def serving():
    """A server with tasks."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        await fill(db)
        yield db, server.url


async def fill(db):
    tasks = await db.collection("tasks")
    for key, task in TASKS.items():
        await tasks.insert(task, key=key)


@pytest.fixture
async def storage(tmp_path):
    """A storage with tasks."""
    url = f"file:{tmp_path / 'data'}"
    async with pb.open(url) as db:
        await fill(db)
    return url


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("n=3", ("n", 3)),
        ("owner=ann", ("owner", "ann")),
        ('owner="3"', ("owner", "3")),
        ("text=a=b", ("text", "a=b")),
        ("names=[1, null]", ("names", [1, None])),
        ("empty=", ("empty", "")),
        ("not=NaN", ("not", "NaN")),
        ('data={"@": "bytes", "v": "eA=="}', ("data", b"x")),
        ("deep=" + "[" * 10_000, ("deep", "[" * 10_000)),
    ],
)
def test_parameters(given, expected):
    assert parameter(given) == expected


@pytest.mark.parametrize("given", ["owner", "=3", ""])
def test_what_is_no_parameter(given):
    with pytest.raises(ValidationError, match="write --param name=value"):
        parameter(given)


async def test_what_a_locale_cannot_say(tmp_path):
    """Programs read UTF-8 all the same; people read escapes."""
    storage = f"file:{tmp_path / 'data'}"
    async with pb.open(storage) as db:
        await (await db.collection("tésts")).put({"price": "5 €"}, key="k")
    latin = ("env", "PYTHONUTF8=0", "PYTHONIOENCODING=ascii")
    told = [await run("query", storage, "tésts", "--format", style, before=latin) for style in FORMATS]
    assert [(each.code, each.err) for each in told] == [(0, "")] * 3
    assert [each.out.splitlines()[-1] for each in told] == [
        '{"_key":"k","price":"5 €"}',
        "k,5 €",
        "k     5 \\u20ac",
    ]
    assert "t\\xe9sts" in (await run("info", storage, before=latin)).out


FORMATS = ("json", "csv", "table")


def test_differences_are_lines():
    changes = (
        RowChange("insert", 0, {"_key": "a", "b": b"x"}),
        RowChange("move", 2, {"_key": "c"}, 1),
        RowChange("delete", 1, {"_key": "d"}),
    )
    assert json.loads(diff_line(Diff(changes, False, "cur"))) == {
        "reset": False,
        "cursor": "cur",
        "changes": [
            {"kind": "insert", "position": 0, "row": {"_key": "a", "b": {"@": "bytes", "v": "eA=="}}},
            {"kind": "move", "position": 2, "previous": 1, "row": {"_key": "c"}},
            {"kind": "delete", "position": 1, "row": {"_key": "d"}},
        ],
    }


async def test_rows_of_a_storage(storage):
    least = ("--param", "least=1")
    assert await run("query", storage, QUERY, *least) == (0, TABLE, "")
    as_json = await run("query", storage, QUERY, *least, "--format", "json")
    assert [json.loads(each) for each in as_json.out.splitlines()] == [
        {"_key": key, **TASKS[key]} for key in ("t2", "t1")
    ]
    as_csv = await run("query", storage, f"{QUERY} select _key, title", *least, "--format", "csv")
    assert as_csv == (0, '_key,title\r\nt2,"Read, again"\r\nt1,Write\r\n', "")
    form = json.dumps(pb.Query("tasks").where(pb.F.done).count().to_json())
    assert await run("query", storage, form, "--format", "json") == (0, '{"count":1}\n', "")
    explained = await run("query", storage, QUERY, *least, "--explain")
    assert (explained.code, explained.err) == (0, "")
    assert "tasks" in explained.out


@pytest.mark.parametrize("place", ["storage", "server"])
async def test_a_collection_that_is_not_there_is_told(storage, place):
    absent = "note: there is no collection {!r}; did you mean 'tasks'?\n"
    async with AsyncExitStack() as stack:
        source = storage
        if place == "server":
            source = (await stack.enter_async_context(serving()))[1]
        assert await run("query", source, "taks") == (0, "(no rows)\n", absent.format("taks"))
        counted = await run("query", source, "task count", "--format", "json")
        assert counted == (0, '{"count":0}\n', absent.format("task"))
        joined = await run("query", source, "tasks join people on owner = name", "--format", "csv")
        assert joined == (0, "", "note: there is no collection 'people'\n")
        both = await run("query", source, "x join y on a = b", "--format", "json")
        assert both.err == "note: there is no collection 'x'\nnote: there is no collection 'y'\n"


async def test_a_live_query_says_once_that_a_collection_is_not_there_and_when_its_server_goes():
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0) as server,
        running("query", server.url, "tasks", "--live") as process,
    ):
        assert await error_line(process) == "note: there is no collection 'tasks'\n"
        assert await line(process) == "(no rows)\n"
        await fill(db)
        await line(process)
        port = server.port
        await server.close()
        assert (await error_line(process)).startswith("note: lost the server")
        async with pb.Server(db, port=port):
            assert await error_line(process) == "note: connected again\n"


async def test_rows_of_a_server():
    async with serving() as (_, url):
        asked = await run("query", url, QUERY, "--param", "least=1")
        explained = await run("query", url, QUERY, "--param", "least=1", "--explain")
    assert asked == (0, TABLE, "")
    assert (explained.code, explained.err) == (0, "")
    assert "tasks" in explained.out


async def test_live_differences():
    async with serving() as (db, url):
        tasks = await db.collection("tasks")
        arguments = ("query", url, QUERY, "--param", "least=1", "--live", "--format", "json")
        async with running(*arguments) as process:
            first = json.loads(await line(process))
            await tasks.update("t3", priority=5)
            second = json.loads(await line(process))
            await tasks.update("t1", priority=50)
            third = json.loads(await line(process))
            assert await stop(process, signal.SIGINT) == (130, "", "")
    assert first["reset"]
    assert [(each["kind"], each["position"], each["row"]["_key"]) for each in first["changes"]] == [
        ("insert", 0, "t2"),
        ("insert", 1, "t1"),
    ]
    assert [(each["kind"], each["position"]) for each in second["changes"]] == [("insert", 1)]
    (moved,) = third["changes"]
    assert (moved["kind"], moved["previous"], moved["position"]) == ("move", 2, 0)
    assert not second["reset"]
    assert len({each["cursor"] for each in (first, second, third)}) == 3


async def test_live_table():
    async with serving() as (db, url):
        tasks = await db.collection("tasks")
        async with running("query", url, "tasks where priority > 5 select title", "--live") as process:
            assert [await line(process) for _ in range(2)] == ["title\n", "Read, again\n"]
            await tasks.delete("t2")
            assert [await line(process) for _ in range(2)] == ["---\n", "(no rows)\n"]
            assert await stop(process, signal.SIGINT) == (130, "", "")


@asynccontextmanager
async def in_a_terminal(*arguments):
    """A command whose output is a terminal, and what stands there as it comes."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = await asyncio.create_subprocess_exec(
        str(COMMAND), *arguments, stdout=theirs, env={**os.environ, "TERM": "xterm"}
    )
    os.close(theirs)
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(ours, "rb", buffering=0)
    )
    try:
        yield process, reader
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        transport.close()


async def test_a_terminal_is_redrawn():
    async with serving() as (db, url):
        tasks = await db.collection("tasks")
        asked = (url, "tasks where priority > 5 select title", "--live")
        async with in_a_terminal("query", *asked) as (process, screen), asyncio.timeout(SECONDS):
            await screen.readuntil(b"Read, again")
            await tasks.update("t1", priority=6, title="\x1b[31mDone")
            await screen.readuntil(rb"\x1b[31mDone")
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 130


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("tasks wher done",), "did you mean 'where'?\n  tasks wher done\n        ^\n"),
        (("tasks where owner = :me",), "'me'"),
        (("tasks", "--param", "x"), "'x' is no parameter"),
        (("tasks", "--live", "--format", "csv"), "use --format table or json"),
    ],
)
async def test_mistakes(storage, arguments, says):
    ended = await run("query", storage, *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ")
    assert says in ended.err


async def test_wrong_calls(storage, tmp_path):
    together = await run("query", storage, "tasks", "--live", "--explain")
    unknown = await run("query", storage, "tasks", "--format", "xml")
    assert (together.code, unknown.code) == (2, 2)
    absent = await run("query", f"file:{tmp_path / 'absent'}", "tasks")
    assert absent.code == 1
    assert "there is no database" in absent.err


async def test_what_other_workers_may_have_is_noted(storage, tmp_path):
    other = tmp_path / "data" / "workers" / "1"
    other.mkdir(parents=True)
    ended = await run("query", storage, "tasks limit 1")
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert ended.err.startswith(f"note: {other} may hold commits that the first worker lacks")
    assert (await run("query", "file:", "tasks")).err.startswith("error: 'file:' is no storage")
