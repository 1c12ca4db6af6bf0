"""An error that tells of a key or a structure names its collection: embedded and over the wire alike."""

import pytest

import protobase_live as pb
from protobase_live.model.operations import RECORDS, Op, Read, Target


class Task(pb.Atom):
    title: str
    tags: pb.Set[str]


class Counted(pb.Atom):
    votes: pb.Counter


@pytest.fixture(params=["embedded", "wire"])
async def db(request):
    async with pb.open("memory:") as embedded:
        tasks = await embedded.collection("tasks")
        await tasks.put({"title": "A", "votes": 1}, key="t1")
        await tasks.list("plan").extend(["a", "b"])
        if request.param == "embedded":
            yield embedded
            return
        async with pb.Server(embedded, port=0) as server, pb.connect(server.url) as remote:
            yield remote


async def said(awaitable):
    with pytest.raises(pb.ProtoBaseError) as raised:
        await awaitable
    return str(raised.value)


async def test_keys(db):
    tasks = await db.collection("tasks")
    assert await said(tasks.insert({}, key="t1")) == "tasks: there is a record 't1' already"
    assert await said(tasks.update("t2", title="B")) == "tasks: there is no record 't2'"
    nowhere = "tasks: there is no record 't2', so it has no field 'votes'"
    assert await said(tasks.field("t2", "votes", "counter").add(1)) == nowhere
    kind = "tasks: field 'votes' of record 't1' is a plain value, not a counter"
    cure = "writing 'votes' with a class in which it is one makes it one"
    assert await said(tasks.field("t1", "votes", "counter").value()) == f"{kind}; {cure}"
    await (await db.collection("tasks", Counted)).update("t1", votes=1)
    await tasks.field("t1", "votes", "counter").add(1)
    assert await tasks.get("t1") == {"title": "A", "votes": 2}


async def test_structures(db):
    tasks = await db.collection("tasks")
    assert await said(tasks.text("plan").value()) == "tasks: 'plan' is a list, not a text"
    assert await said(tasks.text("plan").append("c")) == "tasks: 'plan' is a list, not a text"
    wrong = "index 5 is out of range; the length is 2"
    assert await said(tasks.list("plan").get(5)) == f"tasks: 'plan': list.get: {wrong}"
    wrong = "index 5 to 6 is out of range: beyond the end"
    assert await said(tasks.list("plan").set(5, "x")) == f"tasks: 'plan': list.set: {wrong}"


async def test_arguments(db):
    tasks = await db.collection("tasks")

    async def wrong(call):
        with pytest.raises(pb.ValidationError) as raised:
            await call()
        return str(raised.value)

    text = "tasks: 'plan': list.insert: index is 'x' (str); expected an int"
    assert await wrong(lambda: tasks.list("plan").insert("x", "y")) == text
    field = "tasks: field 'n' of record 't1': counter.add: n is 'x' (str); expected an int"
    assert await wrong(lambda: tasks.field("t1", "n", "counter").add("x")) == field
    assert (await wrong(lambda: tasks.put({}, key="k" * 600))).startswith("tasks: ")
    assert (await wrong(lambda: tasks.get(5))).startswith("tasks: ")


async def test_what_handles_do_not_check_is_named_by_the_collection(db):
    odd = Op(Target("list", ("plan",)), "insert", ("x", "y"))
    assert (await said(db.commit({"tasks": [odd]}))).startswith("tasks: 'plan': list.insert: index is 'x'")
    assert (await said(db.commit({"tasks": [Op(RECORDS, "put", ("t", 5))]}))).startswith("tasks: record 't'")
    no_question = "tasks: 'nothing' is no question of the records"
    assert (await said(db.read("tasks", Read(RECORDS, "nothing")))).startswith(no_question)


async def test_records_of_a_class(db):
    tasks = await db.collection("tasks", Task)
    with pytest.raises(pb.ValidationError, match=r"^tasks: Task 't3' lacks the field 'title'"):
        await tasks.put({}, key="t3")
    with pytest.raises(pb.ValidationError, match=r"^tasks: Task 't1': field 'title' is 5"):
        await tasks.update("t1", title=5)
    await (await db.collection("tasks")).put({}, key="t9")
    assert await said(tasks.get("t9")) == "tasks: Task 't9' lacks the field 'title'; expected str"
    misfit = (await tasks.misfits())["t9"]
    assert str(misfit.error) == "tasks: Task 't9' lacks the field 'title'; expected str"
    with pytest.raises(pb.ValidationError, match=r"^tasks: Task 't1': field 'tags': an element is 5"):
        await tasks.field("t1", "tags").add(5)


async def test_a_transaction(db):
    tasks = await db.collection("tasks")

    async def inside(work):
        async with db.transaction() as tx:
            await work(tx["tasks"])

    async def again(tasks):
        tasks.delete("t2")
        tasks.insert({}, key="t1")

    async def read_own(tasks):
        tasks.update("t2", title="x")
        await tasks.get("t2")

    async def past_the_end(tasks):
        tasks.list("plan").append("c")
        await tasks.list("plan").get(9)

    assert await said(inside(again)) == "tasks: there is a record 't1' already"
    assert await said(inside(read_own)) == "tasks: there is no record 't2'"
    wrong = "index 9 is out of range; the length is 3"
    assert await said(inside(past_the_end)) == f"tasks: 'plan': list.get: {wrong}"

    async def conflict(mine):
        await mine.get("t1")
        await tasks.update("t1", title="C")

    assert await said(inside(conflict)) == "tasks: the record 't1' changed since it was read"


async def test_several_collections(db):
    async def both():
        async with db.transaction() as tx:
            tx["others"].put({}, key="a")
            tx["tasks"].insert({}, key="t1")

    assert await said(both()) == "tasks: there is a record 't1' already"
