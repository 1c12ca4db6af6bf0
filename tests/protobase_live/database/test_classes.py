"""A database gives the records of a collection as one class."""

from __future__ import annotations

import pytest

import protobase_live as pb


class Task(pb.Atom):
    title: str


class Note(pb.Atom):
    title: str
    text: str = ""


async def test_another_class_is_refused_with_the_names_of_both() -> None:
    async with pb.open("memory:") as db:
        tasks = await db.collection("tasks", Task)
        await tasks.insert(Task(title="a"), key="a")
        with pytest.raises(pb.ValidationError) as caught:
            await db.collection("tasks", Note)
        assert f"{__name__}.Task, and now with {__name__}.Note" in str(caught.value)
        assert await db.query("tasks") == [Task(title="a")]


async def test_the_same_class_none_and_another_database_may_have_it() -> None:
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server, pb.connect(server.url) as client:
        for _ in range(2):
            await db.collection("tasks", Task)
            await db.collection("tasks", Task, on_invalid="raw")
            await db.collection("tasks")
        await client.collection("tasks", Note)
        await client.collection("notes", Task)


async def test_a_class_that_is_defined_anew_takes_the_place_of_itself() -> None:
    def defined() -> type[pb.Atom]:
        class Task(pb.Atom):
            title: str

        return Task

    async with pb.open("memory:") as db:
        await (await db.collection("tasks", defined())).insert({"title": "a"}, key="a")
        anew = defined()
        await db.collection("tasks", anew)
        (task,) = await db.query("tasks")
        assert type(task) is anew


async def test_what_is_no_class_says_so_there_too() -> None:
    async with pb.open("memory:") as db:
        await db.collection("tasks", Task)
        with pytest.raises(pb.ValidationError, match="is not a subclass of Atom"):
            await db.collection("tasks", [1])  # type: ignore[call-overload]
