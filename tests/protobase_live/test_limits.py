"""Limits of one class are not taken for those of another."""

import asyncio
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.cli.settings import SECTIONS
from protobase_live.collection.messages import Updates
from protobase_live.database.database import Database
from protobase_live.errors import CollectionUnloadable
from protobase_live.workers.limits import WorkerLimits
from protobase_storage import MemoryStorage, StorageError
from tests.protobase_live.conftest import YjsClient
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Id, sent

PACKAGE = Path(pb.__file__).parent
OPENED = {
    "limits": pb.Limits,
    "view_limits": pb.ViewLimits,
    "presence_limits": pb.PresenceLimits,
    "storage_limits": pb.StorageLimits,
    "cluster_limits": pb.ClusterLimits,
}
SERVED = {"server_limits": pb.ServerLimits, "live_limits": pb.LiveLimits}
SUPERVISED = {"worker_limits": WorkerLimits}
EVERY = [*OPENED.values(), *SERVED.values(), *SUPERVISED.values(), pb.ClientLimits]
FIELDS = [(kind, field) for kind in EVERY for field in fields(kind)]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limits": pb.ViewLimits()}, r"limits= takes pb.Limits\(...\), not ViewLimits"),
        ({"view_limits": pb.Limits()}, r"view_limits= takes pb.ViewLimits\(...\), not Limits"),
        ({"presence_limits": 3}, r"presence_limits= takes pb.PresenceLimits\(...\), not int"),
    ],
)
async def test_open(given, said):
    with pytest.raises(pb.ValidationError, match=said):
        await pb.open("memory:", **given).__aenter__()


@pytest.mark.parametrize(
    ("kind", "name", "value", "right"),
    [
        (pb.Limits, "document_bytes", "5", "a whole number, 0 or more"),
        (pb.Limits, "document_bytes", -5, "a whole number, 0 or more"),
        (pb.Limits, "transaction_reads", True, "a whole number, 0 or more"),
        (pb.Limits, "collections", 0, "a whole number, more than 0"),
        (pb.Limits, "idle_seconds", "x", "a number of seconds, more than 0"),
        (pb.Limits, "busy_seconds", float("nan"), "a number of seconds, 0 or more"),
        (pb.LiveLimits, "requests", 0, "a whole number, more than 0"),
        (pb.ViewLimits, "identity_queries", 0, "a whole number, more than 0"),
        (pb.ViewLimits, "client_queries", 0, "a whole number, more than 0"),
        (pb.LiveLimits, "message_bytes", 2**53, "a whole number, 0 or more and at most 2**53 - 1"),
        (pb.PresenceLimits, "deliveries", 0, "a number, more than 0"),
        (pb.ServerLimits, "message_bytes", 1.5, "a whole number, 0 or more"),
        (pb.ClientLimits, "call_seconds", None, "a number of seconds, 0 or more"),
    ],
)
def test_what_is_no_limit_is_named_where_it_is_said(kind, name, value, right):
    with pytest.raises(pb.ValidationError) as caught:
        kind(**{name: value})
    assert str(caught.value) == f"{kind.__name__}.{name} is {right}, not {value!r}"


async def test_clients_read_the_largest_limits():
    most = pb.LiveLimits(message_bytes=2**53 - 1, answer_bytes=2**53 - 1, credit=2**53 - 1)
    async with pb.open("memory:") as db, pb.Server(db, port=0, live_limits=most) as server:
        assert await (await pb.connect(server.url)).collections() == []


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_limit_is_a_number_of_its_kind(kind, field):
    assert kind(**{field.name: field.default}) == kind()
    assert kind(**{field.name: 1}) is not None
    with pytest.raises(pb.ValidationError, match=rf"^{kind.__name__}\.{field.name} is a "):
        kind(**{field.name: -1})


async def test_server():
    async with Database(MemoryStorage()) as database:
        with pytest.raises(pb.ValidationError, match=r"limits= takes pb.ServerLimits\(...\), not Limits"):
            pb.Server(database, limits=pb.Limits())
        with pytest.raises(pb.ValidationError, match=r"live_limits= takes pb\.LiveLimits"):
            pb.Server(database, live_limits=pb.ServerLimits())


async def test_connect():
    with pytest.raises(pb.ValidationError, match=r"limits= takes pb\.ClientLimits"):
        await pb.connect("ws://127.0.0.1:1/live", limits=pb.Limits()).__aenter__()


async def test_limits_of_queries_and_presence_count():
    limits = {"view_limits": pb.ViewLimits(query_rows=1), "presence_limits": pb.PresenceLimits(members=1)}
    async with pb.open("memory:", **limits) as db:
        tasks = await db.collection("tasks")
        for key in "ab":
            await tasks.put({}, key=key)
        with pytest.raises(pb.LimitExceeded, match="query_rows"):
            await db.query(pb.Query("tasks"))
        async with tasks.presence({}):
            with pytest.raises(pb.LimitExceeded, match="members"):
                await tasks.presence({}).__aenter__()


def test_every_class_of_limits_is_a_parameter_and_a_section():
    assert dict(SECTIONS) == OPENED | SERVED | SUPERVISED
    assert set(OPENED) < set(inspect.signature(pb.open).parameters)
    assert {"limits", "live_limits"} < set(inspect.signature(pb.Server).parameters)
    assert "limits" in inspect.signature(pb.connect).parameters
    defined = {
        found
        for path in PACKAGE.rglob("*limits.py")
        for found in re.findall(r"^class (\w*Limits)\b", path.read_text(), re.MULTILINE)
    }
    told = {"WelcomeLimits"}  # what a server tells of its own
    shared = {"TransactionLimits"}  # those that Limits and ClientLimits have in common
    assert defined | {"PresenceLimits"} == {kind.__name__ for kind in EVERY} | told | shared


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_every_limit_is_used_and_explained(kind, field):
    """A limit that nobody looks at would be set in vain."""
    sources = [path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "settings.py"]
    assert any(re.search(rf"(limits|bounds)\.{field.name}\b", each) for each in sources)
    homes = [inspect.getsource(inspect.getmodule(each)) for each in kind.__mro__[:-1]]
    explained = rf'^    {field.name}: [^\n]*(\n    """|  # \w)'
    assert any(re.search(explained, each, re.MULTILINE) for each in homes)


async def test_limits_of_the_storage_count(tmp_path):
    limits = pb.StorageLimits(file_bytes=200_000)
    async with pb.open(f"file:{tmp_path}", storage_limits=limits) as db:
        tasks = await db.collection("tasks")
        large = {"text": "x" * 300_000}
        with pytest.raises(pb.Unavailable, match="disk is full"):
            await tasks.put(large, key="a")
    small = pb.StorageLimits(unstored_bytes=1)
    impatient = pb.Limits(busy_seconds=0)
    async with pb.open(f"file:{tmp_path}", limits=impatient, storage_limits=small) as db:
        writes = [(await db.collection(f"c{n}")).put({}, key="a") for n in range(20)]
        ends = await asyncio.gather(*writes, return_exceptions=True)
    refused = [end for end in ends if end is not None]
    assert 0 < len(refused) < 20
    assert all(isinstance(end, pb.Unavailable) for end in refused)
    assert str(refused[0]).endswith("the limit is 1 (unstored_bytes)")


async def test_too_many_reads_name_the_limit(tmp_path):
    async with pb.open(f"file:{tmp_path}", storage_limits=pb.StorageLimits(waiting_reads=0)) as db:
        with pytest.raises(pb.Overloaded, match=r"the limit is 0 \(waiting_reads\)"):
            await db.collections()


async def test_what_is_remembered_and_refused_is_limited_as_the_program_says():
    limits = pb.Limits(unloadable_seconds=7.0, read_only_seconds=8.0, remembered_names=1)
    async with Database(MemoryStorage(), limits=limits, clock=ManualClock()) as db:
        for name in ("a", "b"):
            db.quarantine.add(name, CollectionUnloadable("it is corrupt"))
            db.read_only.add(name, StorageError("no room"))
            db.unfolded.add(name, StorageError("no room"))
        known = [list(each.reasons) for each in (db.quarantine, db.read_only, db.unfolded)]
        assert known == [["b"]] * 3


@pytest.mark.parametrize(("held_client_bytes", "found"), [(pb.Limits().held_client_bytes, "ab"), (200, "a")])
async def test_what_a_collection_holds_is_limited_as_the_program_says(held_client_bytes, found):
    first = sent(1, 0, yjs.item(yjs.text("a"), parent="body"))
    second = sent(1, 1, yjs.item(yjs.text("b"), left=Id(1, 0)))
    limits = pb.Limits(held_client_bytes=held_client_bytes)
    async with Database(MemoryStorage(), limits=limits) as db:
        client = YjsClient(await db.ref("notes"))
        for update in (second, first):
            await (await db.ref("notes")).tell(Updates(client, [update]))
        notes = await db.collection("notes")
        assert await notes.text("body").value() == found


@pytest.mark.parametrize("door", ["embedded", "wire"])
async def test_limits_of_transactions_count_wherever_they_are_made(door):
    few = {
        "transaction_operations": 2,
        "transaction_bytes": 1000,
        "transaction_reads": 1,
        "transact_attempts": 1,
    }
    async with (
        pb.open("memory:", limits=pb.Limits(**few)) as embedded,
        pb.Server(embedded, port=0) as server,
        pb.connect(server.url, limits=pb.ClientLimits(**few)) as remote,
    ):
        db = embedded if door == "embedded" else remote

        async def past(limit, work):
            with pytest.raises(pb.LimitExceeded, match=rf"\({limit}\)"):
                async with db.transaction() as tx:
                    await work(tx["tasks"])

        async def write(tasks):
            for number in range(3):
                await tasks.put({}, key=str(number))

        async def read(tasks):
            await tasks.get("a")
            await tasks.get("b")

        await past("transaction_operations", write)
        await past("transaction_bytes", lambda tasks: tasks.put({"text": "x" * 1000}, key="a"))
        await past("transaction_reads", read)

        tasks = await embedded.collection("tasks")

        async def contended(tx):
            await tx["tasks"].get("a")
            await tasks.insert({}, key="a")

        with pytest.raises(pb.Conflict, match=r"after 1 attempts \(transact_attempts\)"):
            await db.transact(contended)
