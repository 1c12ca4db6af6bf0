"""The demo runs, shows what happens and stops."""

import signal
from random import Random
from types import SimpleNamespace

import protobase_live as pb
from protobase_live.cli.demo_peer import BOARD, MAX_NOTES_CHARS, MAX_TASKS, DemoPeer, Task
from protobase_live.cli.demo_view import BoardView
from tests.protobase_live.cli.command import line, run, running, stop


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
    view = BoardView("ws://h:1")
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
    for shown in ("Second", "cy", "noted more and more", "ann deletes 'First'", "votes = 7"):
        assert shown in out
