"""What a permit lets be read and written is decided in the collection's turn, with nothing in between."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_live.errors import Conflict, Forbidden, RecordMissing, ValidationError
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Check, Op, Read, Receipt, Target
from protobase_live.model.schemas import Schemas
from protobase_live.permissions.grant import Grant, ReadScope, WriteScope
from protobase_live.permissions.permit import GrantPermit
from protobase_live.query.ast.expressions import F
from protobase_storage import MemoryStorage

MINE = F.owner == "ann"
OWN = GrantPermit(Grant((ReadScope(rows=MINE),), (WriteScope(old=MINE, new=MINE),)))
COUNT = Read(RECORDS, "count")


async def filled(database: Database) -> None:
    tasks = await database.collection("tasks")
    await tasks.insert({"owner": "ann"}, key="a")
    await tasks.insert({"owner": "bob"}, key="b")


def update(key: str, **fields: Any) -> Op:
    return Op(RECORDS, "update", (key, fields, {}))


async def commit(database: Database, *ops: Op, checks: tuple[Check, ...] = ()) -> Receipt:
    return await database.commit({"tasks": ops}, checks, permits={"tasks": OWN})


def check(read: Read, answer: Any) -> Check:
    return Check("tasks", read, values.digest(answer))


async def test_reads_answer_of_what_is_seen(database: Database) -> None:
    await filled(database)
    assert await database.read("tasks", COUNT, OWN) == 1
    assert await database.read("tasks", Read(RECORDS, "get", ("b",)), OWN) is None
    several = [database.read("tasks", Read(RECORDS, "items"), OWN) for _ in range(3)]
    assert await asyncio.gather(*several) == [[["a", {"owner": "ann"}]]] * 3
    hidden = GrantPermit(Grant((ReadScope(structures=frozenset()),), ()))
    with pytest.raises(Forbidden, match=r"^tasks: structure 'x' may not be read"):
        await database.read("tasks", Read(Target("text", ("x",)), "value"), hidden)


async def test_a_write_is_judged_by_the_row_as_it_is_then(database: Database) -> None:
    await filled(database)
    taken = database.commit({"tasks": [update("a", owner="bob")]})
    refused = commit(database, update("a", title="mine"))  # in the same turn, behind it
    _, error = await asyncio.gather(taken, refused, return_exceptions=True)
    assert "there is no record 'a'" in str(error)
    assert await database.read("tasks", Read(RECORDS, "get", ("a",))) == {"owner": "bob"}


async def test_nothing_of_a_refused_transaction_is_done(database: Database) -> None:
    await filled(database)
    with pytest.raises(Forbidden, match=r"^tasks: record 'a' may not be written so"):
        await commit(database, Op(RECORDS, "insert", ("c", {"owner": "ann"}, {})), update("a", owner="bob"))
    assert await database.read("tasks", COUNT) == 2


async def test_a_transaction_over_several_is_judged_in_each(database: Database) -> None:
    await filled(database)
    writes = {"log": [Op(RECORDS, "insert", ("x", {}, {}))], "tasks": [update("a", owner="bob")]}
    with pytest.raises(Forbidden, match=r"^tasks: record 'a'"):
        await database.commit(writes, permits={"tasks": OWN})
    assert await database.read("log", COUNT) == 0
    await database.commit({**writes, "tasks": [update("a", title="t")]}, permits={"tasks": OWN})
    assert await database.read("log", COUNT) == 1


async def test_the_receipt_of_a_deletion_tells_nothing_of_what_is_hidden(database: Database) -> None:
    """Also beside a write to another collection, and of a collection of which nothing is left to be done."""
    await filled(database)
    told = list[Mapping[str, str]]()
    for key in ("b", "not there"):
        writes = {"log": [Op(RECORDS, "put", (key, {}, {}))], "tasks": [Op(RECORDS, "delete", (key,))]}
        told.append((await database.commit(writes, permits={"tasks": OWN})).cursors)
    assert told[0].keys() == told[1].keys() == {"log", "tasks"}
    assert told[0]["tasks"] == told[1]["tasks"]
    assert await database.read("tasks", COUNT) == 2


async def test_checks_are_of_what_was_seen(database: Database) -> None:
    await filled(database)
    await commit(database, update("a", title="t"), checks=(check(COUNT, 1),))
    await database.commit({"tasks": [update("b", title="hidden")]})
    await commit(database, update("a", title="u"), checks=(check(Read(RECORDS, "get", ("b",)), None),))
    with pytest.raises(Conflict):
        await commit(database, update("a", title="v"), checks=(check(COUNT, 2),))


class Owned(pb.Atom):
    owner: str
    title: str


async def test_a_field_that_is_missing_is_said_before_what_that_forbids() -> None:
    def insert(**fields: Any) -> Op:
        return Op(RECORDS, "insert", ("new", fields, {}))

    async with Database(MemoryStorage(), schemas=Schemas({"tasks": Owned})) as database:
        await database.commit({"tasks": [Op(RECORDS, "put", ("b", {"owner": "bob", "title": "t"}, {}))]})
        with pytest.raises(
            ValidationError, match=r"^tasks: record 'new' would be no Owned: it lacks the field 'owner'"
        ):
            await commit(database, insert(title="x"))
        with pytest.raises(Forbidden, match=r"^tasks: record 'new' may not be written so"):
            await commit(database, insert(title="x", owner="bob"))
        with pytest.raises(RecordMissing):  # a row that is hidden is not judged
            await commit(database, update("b", title=5))
        with pytest.raises(Forbidden):
            await commit(database, insert(owner="ann", title="x"), update("new", owner="bob"))
        with pytest.raises(ValidationError, match="its field 'title' is 5"):
            await commit(database, insert(owner="ann", title=5), update("new", owner="bob"))
