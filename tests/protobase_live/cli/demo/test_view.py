"""What is shown in a terminal."""

from types import SimpleNamespace

import protobase_live as pb
from protobase_live.cli.demo.data import BOARD
from protobase_live.cli.demo.view import BoardView

NODES = SimpleNamespace(urls=["ws://h:1", "ws://h:2", "ws://h:3"], pids=[1, 2, 3])


def change(kind, before, after, *, key="u", structure="records"):
    return pb.Change(BOARD, structure, kind, key, before, after, "c", "ann")


def test_the_board_shows_every_kind_of_change(capsys):
    view = BoardView(NODES, "http://h:4")
    view.tell("n2 is gone")
    view.start({"t": {"title": "First", "owner": "ann", "votes": 1, "column": "todo", "order": 1.0}})
    task = {"title": "Second", "owner": None, "votes": 0, "column": "done", "order": 2.0}
    present = [{"name": "cy", "color": "#123456"}, {"name": "dee", "color": "no color"}, {"name": "eve"}, 7]
    for each in (
        change("insert", None, task),
        change("update", task, {**task, "votes": 7}),
        change("update", None, "noted", structure="notes", key=None),
        change("delete", {"title": "First"}, None, key="t"),
    ):
        view.show(each, present)
    view.stop()
    out = capsys.readouterr().out
    for shown in ("http://h:4", "Second", "● cy", "● dee", "● eve", "n2 is gone", "kill -9 1"):
        assert shown in out
    assert "ann deletes 'First'" in out
    assert "votes = 7" in out


def test_the_board_stands_in_the_order_of_its_columns(capsys):
    view = BoardView(NODES, "http://h:4")
    places = (("done", 1.0), ("todo", 2.0), ("odd", "x"), ("todo", 1), ("doing", None))
    view.start(
        {
            f"t{n}": {"title": f"T{n}", "column": column, "order": order}
            for n, (column, order) in enumerate(places)
        }
    )
    view.stop()
    out = capsys.readouterr().out
    assert sorted(range(5), key=lambda n: out.index(f"T{n}")) == [3, 1, 4, 0, 2]
