"""Following a collection."""

import json
import re
import signal

import protobase_live as pb
from protobase_live.cli.tail import change_form
from tests.protobase_live.cli.command import error_line, line, run, running, stop
from tests.support.raw import type_in


def test_form():
    change = pb.Change("tasks", "records", "update", "k", None, {"b": b"x", "big": 2**60}, "cur", "ann")
    assert json.loads(json.dumps(change_form(change))) == {
        "collection": "tasks",
        "structure": "records",
        "kind": "update",
        "key": "k",
        "before": None,
        "after": {"b": {"@": "bytes", "v": "eA=="}, "big": {"@": "int", "v": str(2**60)}},
        "cursor": "cur",
        "author": "ann",
    }


async def test_changes_are_lines_and_cursors_resume():
    async with pb.open("memory:", author="ann") as db, pb.Server(db, port=0) as server:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            await tasks.insert({"n": 1}, key="a")
            cursor = (await anext(changes)).cursor
            for n in (2, 3):
                await tasks.update("a", n=n)
        async with running("tail", server.url, "tasks", "--since", cursor) as tail:
            second = json.loads(await line(tail))
            third = json.loads(await line(tail))
            await tasks.delete("a")
            last = json.loads(await line(tail))
            assert await stop(tail, signal.SIGINT) == (130, "", "")
        async with running("tail", server.url, "tasks", "--since", second["cursor"]) as tail:
            assert json.loads(await line(tail)) == third
    assert [each["after"] for each in (second, third, last)] == [{"n": 2}, {"n": 3}, None]
    assert (second["author"], second["kind"], last["kind"]) == ("ann", "update", "delete")


async def test_a_structure_that_yjs_clients_alone_write_is_told_if_it_is_named():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            start = changes.cursor
        await type_in(f"ws://127.0.0.1:{server.port}/yjs", "tasks", "body", "hi")
        await tasks.insert({}, key="behind")
        async with running("tail", server.url, "tasks", "--since", start, "--structure", "text:body") as tail:
            told = [json.loads(await line(tail)) for _ in range(2)]
    assert [(each["structure"], each["after"]) for each in told] == [("body", "hi"), ("records", {})]


async def test_what_is_no_structure_is_one_line():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        await (await db.collection("tasks")).list("order").append("a")
        none = await run("tail", server.url, "tasks", "--structure", "body")
        other = await run("tail", server.url, "tasks", "--structure", "text:order")
    assert (none.code, other.code) == (1, 1)
    assert "write it KIND:NAME, such as text:body" in none.err
    assert "'order' is a list, not a text" in other.err


async def test_a_reader_that_goes_away_ends_it_well():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        tasks = await db.collection("tasks")
        for n in range(3):
            await tasks.insert({"n": n})
        async with running("tail", server.url, "tasks", "--since", "koAA") as tail:
            await line(tail)
            tail.stdout._transport.close()
            await tasks.insert({"n": 4})
            assert await tail.wait() == 0
            assert await tail.stderr.read() == b""


async def test_bad_cursor_and_name_are_one_line():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        cursor = await run("tail", server.url, "tasks", "--since", "x")
        name = await run("tail", server.url, "a//b")
    assert (cursor.code, name.code) == (1, 1)
    assert "not a cursor" in cursor.err
    assert "empty segment" in name.err


async def test_it_says_when_its_server_goes_and_comes_back():
    async with pb.open("memory:") as db:
        tasks = await db.collection("tasks")
        await tasks.put({}, key="a")
        async with (
            pb.Server(db, port=0) as first,
            running("tail", first.url, "tasks", "--since", "koAA") as tail,
        ):
            assert json.loads(await line(tail))["key"] == "a"
            port = first.port
            await first.close()
            lost = re.compile(r"note: lost the server \(.*1001.*\), trying again\n")
            assert lost.fullmatch(await error_line(tail))
            await tasks.put({}, key="b")
            async with pb.Server(db, port=port):
                assert await error_line(tail) == "note: connected again\n"
                assert json.loads(await line(tail))["key"] == "b"
            assert lost.fullmatch(await error_line(tail))
            assert await stop(tail, signal.SIGINT) == (130, "", "")


async def test_a_token_that_is_no_longer_accepted_ends_it():
    accepted = ["token"]

    def authenticate(token):
        if token not in accepted:
            raise pb.Unauthorized("who are you?")

    async with pb.open("memory:") as db:
        await (await db.collection("tasks")).put({}, key="a")
        async with pb.Server(db, port=0, authenticate=authenticate) as server:
            arguments = ("tail", server.url, "tasks", "--since", "koAA", "--token", "token")
            async with running(*arguments) as tail:
                await line(tail)
                port = server.port
                await server.close()
                await error_line(tail)
                accepted.clear()
                async with pb.Server(db, port=port, authenticate=authenticate):
                    out, err = await tail.communicate()
    assert (tail.returncode, out, err) == (1, b"", b"error: who are you?\n")


async def test_a_storage_is_no_server(tmp_path):
    for command in (["tail", f"file:{tmp_path}", "tasks"], ["cluster", "status", "memory:"]):
        ended = await run(*command)
        assert (ended.code, "that is a storage; name a server" in " ".join(ended.err.split())) == (2, True)
