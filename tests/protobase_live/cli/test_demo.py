"""The demo runs, shows what happens and stops."""

import asyncio
import os
import re
import signal
from contextlib import AsyncExitStack
from random import Random
from types import SimpleNamespace

import protobase_live as pb
from protobase_live.cli.demo_peer import BOARD, MAX_NOTES_CHARS, MAX_TASKS, DemoPeer, Task
from protobase_live.cli.demo_view import BoardView
from tests.protobase_live.cli.command import SECONDS, line, run, running, stop

PEOPLE = ("ann ", "bob ", "cy ")


async def test_it_stops_by_itself(tmp_path):
    ended = await run("demo", "--storage", f"file:{tmp_path / 'data'}", "--port", "0", "--seconds", "0.5")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("listening on ws://127.0.0.1:")
    assert ended.out.endswith("stopped\n")


async def test_peers_work_until_ctrl_c():
    async with running("demo", "--storage", "memory:", "--port", "0") as demo:
        lines = [await line(demo) for _ in range(5)]
        ended = await stop(demo, signal.SIGINT)
    assert lines[1] == "0 tasks\n"
    assert any(name in "".join(lines[2:]) for name in ("ann", "bob", "cy"))
    assert (ended.code, ended.err) == (0, "")


async def test_a_node_that_is_killed_comes_back_and_nobody_stops():
    async with running("demo", "--storage", "memory:", "--port", "0") as demo:
        hint = await until_line(demo, "kill one: ")
        (pid, *_) = re.findall(r"\d{2,}", hint)
        os.kill(int(pid), signal.SIGKILL)
        await until_line(demo, "is gone; it is started again")
        await until_line(demo, *PEOPLE)
        await until_line(demo, "is back, as process ")
        ended = await stop(demo, signal.SIGINT)
    assert (ended.code, ended.err) == (0, "")


async def test_nodes_end_with_the_demo_however_that_ends():
    async with AsyncExitStack() as stack:
        demo = await stack.enter_async_context(running("demo", "--storage", "memory:", "--port", "0"))
        ports = re.findall(r"ws://127\.0\.0\.1:(\d+)", await line(demo))
        assert len(ports) == 3
        nodes = [await asyncio.open_connection("127.0.0.1", int(port)) for port in ports]
        demo.kill()
        async with asyncio.timeout(SECONDS):
            await demo.communicate()
            assert [await reader.read() for reader, _ in nodes] == [b""] * 3
        for _, writer in nodes:
            writer.close()


async def until_line(demo, *parts: str) -> str:
    """Its next line that has one of these in it."""
    while True:
        text = await line(demo)
        assert text, "the demo has ended"
        if any(part in text for part in parts):
            return text


async def test_a_peer_keeps_the_board_small():
    async with pb.open("memory:") as db:
        board = await db.collection(BOARD, Task)
        peer = DemoPeer("ann", board, SimpleNamespace(), Random(1))
        for _ in range(60):
            for deed in (peer._plan, peer._vote, peer._plan, peer._finish):
                await deed()
        assert 0 < await board.count() <= MAX_TASKS
        await board.text("notes").append("x" * MAX_NOTES_CHARS)
        await peer._write()
        assert await board.text("notes").count() == MAX_NOTES_CHARS


def test_the_board_shows_every_kind_of_change(capsys):
    view = BoardView(SimpleNamespace(urls=["ws://h:1", "ws://h:2", "ws://h:3"], pids=[1, 2, 3]))
    view.tell("n2 is gone")
    view.start({"t": {"title": "First", "owner": "ann", "votes": 1}}, "noted")
    task = {"title": "Second", "owner": "bob", "votes": 0, "done": True}
    for kind, structure, key, before, after in (
        ("insert", "records", "u", None, task),
        ("update", "records", "u", task, {**task, "votes": 7}),
        ("update", "notes", None, "noted", "noted more"),
        ("update", "notes", None, "noted more", "noted more and more"),
        ("delete", "records", "t", {"title": "First"}, None),
    ):
        view.show(
            pb.Change(BOARD, structure, kind, key, before, after, "c", "ann"),
            [{"name": "cy", "color": "red"}],
        )
    view.stop()
    out = capsys.readouterr().out
    for shown in (
        "Second",
        "cy",
        "noted more and more",
        "ann deletes 'First'",
        "votes = 7",
        "n2 is gone",
        "kill -9 1",
    ):
        assert shown in out
