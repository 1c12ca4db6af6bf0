"""Python programs and unmodified Yjs clients on the same collections."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import AbstractAsyncContextManager
from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgpack

import protobase_live as pb
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import WAIT_SECONDS, NodeClients, YjsClient


class Task(pb.Atom):
    title: str
    done: bool = False
    owner: str | None = None
    priority: int = 0


class Card(pb.Atom):
    title: str
    votes: Annotated[int, pb.Counter]
    tags: Annotated[set[str], pb.Set]
    steps: Annotated[list[str], pb.List]
    note: Annotated[str, pb.Text]


async def next_change(changes: Any) -> pb.Change:
    async with asyncio.timeout(WAIT_SECONDS):
        return await anext(changes)


async def until_states(presence: Any, expected: dict[int, Any]) -> None:
    """Wait until everybody that is there is who is expected."""
    async with asyncio.timeout(WAIT_SECONDS):
        while presence.states != expected:
            await anext(presence)


def connected(server: ServerProcess) -> AbstractAsyncContextManager[Any]:
    return pb.connect(server.live)


async def joined(server: ServerProcess, node: NodeClients, room: str) -> YjsClient:
    return await (await node.open(server.yjs, room)).synced()


async def test_two_node_clients_and_a_python_client(server: ServerProcess, node: NodeClients):
    """Text, nested maps and awareness, each way."""
    ann, bob = await joined(server, node, "tasks"), await joined(server, node, "tasks")
    async with connected(server) as db:
        tasks = await db.collection("tasks", Task)
        body = await tasks.text("body")
        async with tasks.changes() as changes:
            await tasks.insert(Task(title="Write", owner="ann"), key="t1")
            for client in (ann, bob):
                await client.until_equal("doc.getMap('records').get('t1')?.get('title')", "Write")
            assert await ann.get("doc.getMap('records').get('t1')") == {
                "title": "Write", "done": False, "owner": "ann", "priority": 0
            }  # fmt: skip
            change = await next_change(changes)
            assert (change.kind, change.key, change.before) == ("insert", "t1", None)
            assert change.after == Task(title="Write", owner="ann")

            await bob.run("doc.getMap('records').get('t1').set('title', 'Read')")
            change = await next_change(changes)
            assert (change.structure, change.kind, change.key) == ("records", "update", "t1")
            assert change.before == Task(title="Write", owner="ann")
            assert change.after == Task(title="Read", owner="ann")
            assert await tasks.get("t1") == Task(title="Read", owner="ann")

        await ann.run("doc.getText('body').insert(0, 'one three')")
        await bob.until_equal("doc.getText('body').toString()", "one three")
        await body.insert(4, "two ")
        for client in (ann, bob):
            await client.until_equal("doc.getText('body').toString()", "one two three")
        await bob.run("doc.getText('body').delete(0, 4)")
        await ann.until_equal("doc.getText('body').toString()", "two three")
        assert await body.value() == "two three"

        await ann.run("awareness.setLocalState({name: 'ann'})")
        await bob.run("awareness.setLocalState({name: 'bob'})")
        async with tasks.presence({"name": "py"}) as presence:
            everybody = {ann.id: {"name": "ann"}, bob.id: {"name": "bob"}, presence.client: {"name": "py"}}
            await until_states(presence, everybody)
            by_text = {str(id): state for id, state in everybody.items()}
            for client in (ann, bob):
                await client.until_equal("Object.fromEntries(awareness.getStates())", by_text)
            await bob.run("provider.disconnect()")
            del everybody[bob.id]
            await until_states(presence, everybody)
        await ann.until_equal("Object.fromEntries(awareness.getStates())", {str(ann.id): {"name": "ann"}})


async def test_records_made_and_deleted_in_node(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "tasks")
    async with connected(server) as db:
        tasks = await db.collection("tasks", Task)
        async with tasks.changes() as changes:
            await ann.run(
                "doc.getMap('records').set('t2', new Y.Map([['title', 'From Node'], ['priority', 3]]))"
            )
            change = await next_change(changes)
            assert (change.kind, change.key, change.after) == (
                "insert",
                "t2",
                Task(title="From Node", priority=3),
            )
            await ann.run("doc.getMap('records').delete('t2')")
            change = await next_change(changes)
            assert (change.kind, change.key, change.after) == ("delete", "t2", None)
            assert await tasks.get("t2") is None


async def test_node_transaction_is_one_commit(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "tasks")
    async with connected(server) as db:
        tasks = await db.collection("tasks")
        async with tasks.changes() as changes:
            await ann.run(
                "doc.transact(() => { for (const key of ['a', 'b', 'c']) "
                "doc.getMap('records').set(key, new Y.Map([['n', 1]])) })"
            )
            assert sorted([(await next_change(changes)).key for _ in range(3)]) == ["a", "b", "c"]
        assert await tasks.count() == 3


async def test_python_transactions_arrive_whole(server: ServerProcess, node: NodeClients):
    """A Node client never sees the one record without the other."""
    ann = await joined(server, node, "tasks")
    await ann.run(
        "doc.torn = 0; doc.on('afterTransaction', () => { const r = doc.getMap('records');"
        "if (r.get('a')?.get('n') !== r.get('b')?.get('n')) doc.torn++ })"
    )
    async with connected(server) as db:
        for n in range(20):
            async with db.transaction() as tx:
                tx["tasks"].put({"n": n}, key="a")
                tx["tasks"].put({"n": n}, key="b")
    await ann.until("doc.getMap('records').get('b')?.get('n') === 19")
    assert await ann.get("doc.torn") == 0


async def test_fields_set_at_once_by_python_and_node_both_win(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "tasks")
    async with connected(server) as db:
        tasks = await db.collection("tasks", Task)
        await tasks.insert(Task(title="Write"), key="t1")
        await ann.until("doc.getMap('records').has('t1')")
        await asyncio.gather(
            tasks.update("t1", done=True), ann.run("doc.getMap('records').get('t1').set('owner', 'ann')")
        )
        both = {"title": "Write", "done": True, "owner": "ann", "priority": 0}
        await ann.until_equal("doc.getMap('records').get('t1')", both)


async def test_structures_made_in_python(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "board")
    async with connected(server) as db:
        board = await db.collection("board")
        await (await board.text("body")).insert(0, "Hi 🦊!")
        await (await board.list("todo")).extend(["a", {"b": 1}, None])
        await (await board.dict("settings")).set("colour", "red")
        await (await board.counter("likes")).add(3)
        await (await board.set("tags")).add("urgent", 7)
        await (await board.counted_set("words")).add("the", 2)
        await (await board.hash_dict("grid")).set((1, 2), "x")
    await ann.until_equal("doc.getText('body').toString()", "Hi 🦊!")
    await ann.until_equal("doc.getArray('todo')", ["a", {"b": 1}, None])
    await ann.until_equal("doc.getMap('settings')", {"colour": "red"})
    await ann.until_equal("[...doc.getMap('likes').values()]", [3])
    await ann.until("doc.getMap('tags').size === 2 && doc.getMap('words').size && doc.getMap('grid').size")
    assert {_atom(key.split("|")[0]) for key in await ann.get("[...doc.getMap('tags').keys()]")} == {
        "urgent",
        7,
    }
    assert set(await ann.get("[...doc.getMap('tags').values()]")) == {True}
    ((word, count),) = await ann.get("[...doc.getMap('words')]")
    assert (_atom(word.split("|")[0]), count) == ("the", 2)
    ((key, value),) = await ann.get("[...doc.getMap('grid')]")
    assert value == "x"
    assert not key.isdigit()


async def test_structures_changed_in_node(server: ServerProcess, node: NodeClients):
    """A JavaScript client writes under its own client id where Python writes under its node's."""
    ann = await joined(server, node, "board")
    async with connected(server) as db:
        board = await db.collection("board")
        tags, likes = await board.set("tags"), await board.counter("likes")
        todo, body = await board.list("todo"), await board.text("body")
        await tags.add("old")
        await likes.add(3)
        await todo.append("a")
        await body.append("🦊")
        await ann.until("doc.getMap('tags').size && doc.getText('body').length")
        await ann.run(
            "doc.getMap('tags').set(args.key + '|' + doc.clientID, true);"
            "doc.getMap('likes').set(String(doc.clientID), 4);"
            "doc.getArray('todo').push(['b', 2]);"
            "doc.getText('body').insert(2, ' fox')",
            key=_key("new"),
        )
        sentinel = await joined(server, node, "board")  # the server has it: a joiner is given it
        await sentinel.until("doc.getText('body').toString() === '🦊 fox'")
        assert await tags.values() == {"old", "new"}
        assert await likes.value() == 7
        assert await todo.values() == ["a", "b", 2]
        assert await body.value() == "🦊 fox"
        await body.insert(1, ",")
        await ann.until_equal("doc.getText('body').toString()", "🦊, fox")
        await ann.run("for (const key of doc.getMap('tags').keys()) doc.getMap('tags').delete(key)")
        await sentinel.until("doc.getMap('tags').size === 0")
        assert await tags.values() == set()


async def test_merging_fields(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "cards")
    async with connected(server) as db:
        cards = await db.collection("cards", Card)
        await cards.insert(Card(title="Plan", votes=2, tags={"a"}, steps=["x"], note="Hi"), key="c1")
        await ann.until("doc.getMap('records').has('c1')")
        kinds = "Object.fromEntries([...card].map(([k, v]) => [k, v?.constructor?.name]))"
        found = await ann.run(f"const card = doc.getMap('records').get('c1'); return {kinds}")
        assert [found[field].lstrip("_") for field in ("votes", "tags", "steps", "note")] == [
            "YMap", "YMap", "YArray", "YText"
        ]  # fmt: skip
        await ann.run(
            "const card = doc.getMap('records').get('c1');"
            "card.get('note').insert(2, '!'); card.get('steps').push(['y']);"
            "card.get('votes').set(String(doc.clientID), 5)"
        )
        await cards.field("c1", "votes").add(1)
        sentinel = await joined(server, node, "cards")
        await sentinel.until("doc.getMap('records').get('c1').get('votes').size >= 2")
        expected = Card(title="Plan", votes=8, tags={"a"}, steps=["x", "y"], note="Hi!")
        assert await cards.get("c1") == expected


async def test_values_that_javascript_has_no_literal_for(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "values")
    record = {
        "bytes": b"\x00\xff", "big": 2**70, "safe": 2**53 - 1, "float": 0.5, "whole": 2.0,
        "text": "ä🦊\u0000", "none": None, "day": date(2024, 5, 6),
        "when": datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC),
        "nested": {"list": [1, {"bytes": b"x"}], "@": "at"},
    }  # fmt: skip
    async with connected(server) as db:
        await (await db.collection("values")).insert(record, key="v")
        await ann.until_equal(
            "doc.getMap('records').get('v')?.toJSON()",
            {
                "bytes": b"\x00\xff",
                "big": {"@": "int", "v": str(2**70)},
                "safe": 2**53 - 1,
                "float": 0.5,
                "whole": 2,
                "text": "ä🦊\u0000",
                "when": {"@": "datetime", "v": "2024-05-06T07:08:09+00:00"},
                "day": {"@": "date", "v": "2024-05-06"},
                "none": None,
                "nested": {"@": "dict", "v": {"list": [1, {"bytes": b"x"}], "@": "at"}},
            },
        )
        await ann.run(
            "const copy = new Y.Map(); for (const [k, v] of doc.getMap('records').get('v')) copy.set(k, v);"
            "doc.getMap('records').set('copy', copy)"
        )
        values = await db.collection("values")
        await (await joined(server, node, "values")).until("doc.getMap('records').has('copy')")
        assert await values.get("copy") == record
        assert await values.get("v") == record


async def test_names_through_both_doors(server: ServerProcess, node: NodeClients):
    async with connected(server) as db:
        for name in ("boards/42", "Städte/Köln €", "100% & more"):
            ann = await joined(server, node, quote(name))
            await (await db.collection(name)).insert({"name": name}, key="k")
            await ann.until_equal("doc.getMap('records').get('k')?.get('name')", name)


async def test_python_client_outlives_the_server(server: ServerProcess, node: NodeClients):
    ann = await joined(server, node, "tasks")
    async with connected(server) as db:
        tasks = await db.collection("tasks", Task)
        async with tasks.changes() as changes:
            await tasks.insert(Task(title="before"), key="a")
            assert (await next_change(changes)).key == "a"
            await server.restart()
            await ann.until("provider.synced && closes.length")
            await ann.run("doc.getMap('records').set('b', new Y.Map([['title', 'after']]))")
            assert (await next_change(changes)).after == Task(title="after")
            await tasks.insert(Task(title="again"), key="c")
            await ann.until("doc.getMap('records').has('c')")


def _atom(key: str) -> Any:
    return msgpack.unpackb(urlsafe_b64decode(key + "=" * (-len(key) % 4)))


def _key(atom: Any) -> str:
    packed = msgpack.packb(atom)
    assert packed is not None
    return urlsafe_b64encode(packed).rstrip(b"=").decode()
