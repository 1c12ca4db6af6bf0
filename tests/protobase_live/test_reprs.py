"""What things look like in a notebook: what they are of, never what is in them, and never a secret."""

import pytest

import protobase_live as pb


class Task(pb.Atom):
    title: str


async def test_an_embedded_database_and_what_it_gives(tmp_path):
    entering = pb.open(f"file:{tmp_path}")
    assert repr(entering) == f"<Database 'file:{tmp_path}', not opened: use 'async with', or 'await'>"
    async with entering as db:
        assert repr(db) == f"<Database 'file:{tmp_path}'>"
        assert repr(await db.collection("tasks")) == "<Collection 'tasks'>"
        tasks = await db.collection("tasks", Task)
        assert repr(tasks) == "<Collection 'tasks' of Task>"
        assert repr(tasks.text("notes")) == "<Text 'notes' in 'tasks'>"
        votes = tasks.field("t1", "votes", "counter")
        assert repr(votes) == "<Counter field 'votes' of record 't1' in 'tasks'>"
        assert repr(tasks.changes()) == "<AtomChanges of 'tasks'>"
        assert repr((await db.collection("tasks")).changes()) == "<ChangeStream of 'tasks'>"
    assert repr(db) == f"<Database 'file:{tmp_path}', closed>"


async def test_a_server_and_a_database_behind_it():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        assert repr(server) == f"<Server {server.url} of <Database 'memory:'>>"
        host = server.url.removeprefix("http://")
        entering = pb.connect(f"ws://ann:secret@{host}/live?token=secret", token="secret")
        shown = f"<RemoteDatabase 'ws://{host}/live'"
        assert repr(entering) == f"{shown}, not opened: use 'async with', or 'await'>"
        async with entering as remote:
            assert repr(remote) == f"{shown}>"
            stream = (await remote.collection("tasks")).changes()
            assert repr(stream) == "<RemoteChangeStream of 'tasks'>"
        assert repr(remote) == f"{shown}, closed>"
    with pytest.raises(pb.Closed, match="does not listen"):
        _ = server.port
    assert repr(server) == "<Server that does not listen of <Database 'memory:', closed>>"


async def test_a_transaction():
    async with pb.open("memory:") as db:
        tx = db.transaction()
        assert repr(tx) == "<Transaction, not begun: use 'async with'>"
        async with tx:
            tx["tasks"].put({}, key="a")
            tx["audit"].put({}, key="a")
            tx["audit"].put({}, key="b")
            assert repr(tx) == "<Transaction: 3 operations on 2 collections>"
            assert repr(tx["tasks"]) == "<Collection 'tasks'>"
        assert repr(tx) == "<Transaction: 3 operations on 2 collections, ended>"


@pytest.mark.parametrize("of", ["text", "dict"])
async def test_nothing_is_long(of):
    async with pb.open("memory:") as db:
        tasks = await db.collection("t" * 500)
        shown = [tasks, getattr(tasks, of)("n" * 100_000), tasks.changes(), tasks.field("k" * 9_999, "f", of)]
        assert max(len(repr(each)) for each in shown) < 350


async def test_what_is_live():
    async with pb.open("memory:") as db:
        tasks = await db.collection("tasks")
        await tasks.put({}, key="a")
        live = db.live(pb.Query("tasks"))
        assert repr(live) == "<Live query, 0 rows, not begun: use 'async with'>"
        async with live:
            assert repr(live) == "<Live query, 1 rows>"
        assert repr(live) == "<Live query, 1 rows, closed>"
        presence = tasks.presence({"name": "ann"})
        who = f"<Presence of client {presence.client} among"
        assert repr(presence) == f"{who} 0, not entered: use 'async with'>"
        async with presence:
            assert repr(presence) == f"{who} 1>"
        assert repr(presence).endswith(", left>")
