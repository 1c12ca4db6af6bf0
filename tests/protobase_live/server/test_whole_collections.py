"""Collections as a whole, over the wire: listed, deleted, backed up, restored."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

import protobase_live as pb
from protobase_actors import OrderedSet, SystemClock
from protobase_live.client import remote_database
from protobase_live.database.stored import unpack_stored
from protobase_live.protocol.live.codec import CODECS
from protobase_live.protocol.live.collection_messages import RestoreRequest
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server import whole_collections
from protobase_live.server.authority import ALL_COLLECTIONS, Authority
from protobase_live.server.authorization import Authorization
from protobase_live.server.limits import ServerLimits
from protobase_live.server.permitted_database import PermittedDatabase
from protobase_live.server.whole_collections import WholeCollections
from protobase_storage import Commit, MemoryStorage

NOBODY_RESTORES = pb.Rule("tasks", {"sub": "nobody"}, "admin")

Pair = tuple[pb.Database, pb.RemoteDatabase]


@pytest.fixture(params=list(CODECS))
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """A database, and a client of its server."""
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        url = server.url.replace("http", "ws") + "/live"
        async with pb.connect(url, subprotocol=request.param) as remote:
            yield db, remote


def authority_of(policy: pb.Policy | None) -> Authority:
    return Authority(Authorization(SystemClock(), ServerLimits(), policy), OrderedSet(), pb.Identity())


def permitted(db: pb.Database, policy: pb.Policy | None = None) -> PermittedDatabase:
    return PermittedDatabase(db, authority_of(policy))


async def fill(db: pb.Database | pb.RemoteDatabase, name: str, count: int) -> None:
    collection = await db.collection(name)
    for n in range(count):
        await collection.put({"n": n, "raw": bytes([n])}, key=f"k{n}")


async def test_they_are_listed(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_collections, "PAGE_COLLECTIONS", 2)
    db, remote = pair
    assert await remote.collections() == []
    for name in ("tasks", "boards/1", "boards/2", "boards/3", "é", "boards/4"):
        await fill(db, name, 1)
    assert await remote.collections() == await db.collections()
    assert [info.name for info in await remote.collections("boards/")] == [f"boards/{n}" for n in range(1, 5)]
    info = (await remote.collections("tasks"))[0]
    assert (info.log_commits, info.snapshot_bytes, info.corrupt) == (1, 0, None)


async def test_they_are_dropped(pair: Pair) -> None:
    db, remote = pair
    await fill(db, "tasks", 3)
    tasks = await remote.collection("tasks")
    async with tasks.changes() as changes, remote.live(pb.Query("tasks")) as live:
        await remote.drop("tasks")
        assert (await anext(changes)).kind == "reset"
        await tasks.put({"n": 9}, key="new")
        assert (await anext(changes)).key == "new"
        while [row["_key"] for row in live.rows] != ["new"]:
            await anext(live)
    await remote.drop("tasks")
    assert await remote.collections() == []


async def test_what_is_backed_up_is_what_is_stored(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (whole_collections, remote_database):
        monkeypatch.setattr(module, "PART_BYTES", 100)
    db, remote = pair
    await fill(db, "tasks", 10)
    await fill(db, "short", 1)
    stored = {name: await remote.stored(name) for name in ("tasks", "short", "nothing")}
    assert stored == {name: await db.stored(name) for name in stored}
    for each in (db, remote):
        assert await each.backup("tasks") == stored["tasks"]
        with pytest.raises(pb.ValidationError, match="no collection 'task'; did you mean 'tasks'"):
            await each.backup("task")
    before = {name: await db.storage.load(name) for name in stored}
    for name in stored:
        await remote.drop(name)
        await remote.restore(name, stored[name])
        restored = await db.storage.load(name)
        assert replace(restored, remains=b"") == before[name]
        assert (restored.remains == b"") == (name == "nothing")  # which was deleted is a history that is over
    assert await (await remote.collection("tasks")).count() == 10


async def test_cursors_go_on_after_a_restore(pair: Pair) -> None:
    """Those that the backup has; later ones are told anew."""
    _, remote = pair
    tasks = await remote.collection("tasks")
    async with tasks.changes() as changes:
        await tasks.put({"n": 1}, key="early")
        early = (await anext(changes)).cursor
        await tasks.put({"n": 2}, key="later")
        stored = await remote.backup("tasks")
        await tasks.put({"n": 3}, key="lost")
        while (last := await anext(changes)).key != "lost":
            pass
    await remote.drop("tasks")
    await remote.restore("tasks", stored)
    async with tasks.changes(since=early) as changes:
        assert (await anext(changes)).key == "later"
    async with tasks.changes(since=last.cursor) as changes:
        assert [(await anext(changes)).key for _ in range(3)] == [None, "early", "later"]


async def test_a_restore_can_be_repeated_and_completed(pair: Pair) -> None:
    db, remote = pair
    await fill(db, "tasks", 5)
    half = await remote.backup("tasks")
    await fill(db, "tasks", 9)
    whole = await remote.backup("tasks")
    await remote.drop("tasks")
    for stored in (half, half, whole, whole):
        await remote.restore("tasks", stored)
        restored, given = [unpack_stored("tasks", each) for each in (await remote.backup("tasks"), stored)]
        assert replace(restored, remains=b"") == given
    with pytest.raises(pb.ValidationError, match="'tasks' is not empty"):
        await remote.restore("tasks", half)
    await fill(db, "other", 1)
    with pytest.raises(pb.ValidationError, match="'other' is not empty"):
        await remote.restore("other", whole)
    assert await (await remote.collection("other")).count() == 1


async def test_a_fold_in_between_begins_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_collections, "PART_BYTES", 100)
    db, remote = pair
    await fill(db, "tasks", 5)
    await remote.backup("tasks")
    load, loads = db.storage.load, list[int]()

    async def load_another(collection: str):
        """Another writer at the second part, another history at the third."""
        loads.append(len(loads))
        if len(loads) == 2:
            await fill(db, "tasks", 1)
        if len(loads) == 3:
            monkeypatch.setattr(db.storage, "load", load)
            stored = await db.backup("tasks")
            await db.drop("tasks")
            await fill(db, "tasks", 1)
            assert await db.backup("tasks") != stored
        return await load(collection)

    monkeypatch.setattr(db.storage, "load", load_another)
    assert await remote.backup("tasks") == await db.backup("tasks")
    assert len(loads) == 3


@pytest.mark.parametrize(
    "wrong", [b"", b"x", b"\x93\xc0\x90", b"\x93\xc0\x90\xa1x", b"\x93\x93\x01\x80\x01\x90\xc4\x00"]
)
async def test_what_is_no_backup_is_refused(pair: Pair, wrong: bytes) -> None:
    db, remote = pair
    with pytest.raises(pb.ValidationError, match="not a backup of 'tasks'"):
        await remote.restore("tasks", wrong)
    assert await db.collections() == []


async def test_names_that_others_stored(pair: Pair) -> None:
    db, remote = pair
    commit = Commit("x", 1, "a//b", b"\x00\x00", (), 1.0)
    await db.storage.append([commit])
    stored = await remote.backup("a//b")
    await remote.drop("a//b")
    assert await remote.collections() == []
    await remote.restore("a//b", stored)
    assert (await db.storage.load("a//b")).commits == (commit,)


@pytest.mark.parametrize("name", ["a//b", "\x00", "a/./b", "", "x" * 513])
async def test_names_that_no_collection_can_have(pair: Pair, name: str) -> None:
    await fill(pair[0], "tasks", 1)
    for db in pair:
        for use in (db.drop, db.erase, db.backup):
            with pytest.raises(pb.InvalidName, match=r"collection name|allowed are 1 to 512"):
                await use(name)
        assert [each.name for each in await db.collections()] == ["tasks"]
    assert len(await pair[0].storage.standings()) == 1


@pytest.mark.parametrize("name", ["", "x" * 513])
async def test_names_that_no_storage_takes(pair: Pair, name: str) -> None:
    await fill(pair[0], "tasks", 1)
    stored = await pair[0].backup("tasks")
    for db in pair:
        with pytest.raises(pb.InvalidName, match="allowed are 1 to 512"):
            await db.restore(name, stored)


async def test_what_others_stored_can_be_erased(pair: Pair) -> None:
    db, remote = pair
    await db.storage.append([Commit("x", 1, "a//b", b"\x00\x00", (), 1.0)])
    assert (await remote.erase("a//b")).found
    assert not (await remote.erase("a//b")).found
    assert await remote.collections() == []


async def test_what_a_node_stores_for_itself_is_no_collection(pair: Pair) -> None:
    db, remote = pair
    own = Commit("x", 1, "\x01promise", b"\x00\x00", (), 1.0)
    await db.storage.append([own])
    stored = await db.backup("\x01promise")
    for asked in (
        remote.backup("\x01promise"),
        remote.drop("\x01promise"),
        remote.restore("\x01promise", stored),
        remote.state_hash("\x01promise"),
    ):
        with pytest.raises(pb.InvalidName, match="what a node stores for itself"):
            await asked
    assert (await db.storage.load("\x01promise")).commits == (own,)


async def test_parts_come_in_order_and_are_bounded() -> None:
    async with pb.Database(MemoryStorage()) as db:
        whole = WholeCollections(permitted(db), LiveLimits(restore_bytes=10))
        first = RestoreRequest(1, "tasks", 0, b"12345678", True)
        for wrong in (
            RestoreRequest(2, "tasks", 7, b"", True),
            RestoreRequest(2, "tasks", 9, b"", True),
            RestoreRequest(2, "other", 8, b"", True),
        ):
            await whole.perform(first)
            with pytest.raises(pb.Unavailable, match="restore from the beginning"):
                await whole.perform(wrong)
        await whole.perform(first)
        with pytest.raises(pb.LimitExceeded, match="10 bytes"):
            await whole.perform(RestoreRequest(2, "tasks", 8, b"123", False))
        with pytest.raises(pb.Unavailable):
            await whole.perform(RestoreRequest(2, "tasks", 8, b"", False))
        whole.close()


async def test_no_part_is_kept_for_who_may_not_restore(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[int]()
    spool = whole_collections.SpooledTemporaryFile

    def spooled(max_size: int):
        kept.append(max_size)
        return spool(max_size=max_size)

    monkeypatch.setattr(whole_collections, "SpooledTemporaryFile", spooled)
    policy = pb.Policy([NOBODY_RESTORES])
    async with pb.Database(MemoryStorage()) as db:
        whole = WholeCollections(permitted(db, policy), LiveLimits())
        for more in (True, False):
            with pytest.raises(pb.Forbidden, match="you may not administer collection 'tasks'"):
                await whole.perform(RestoreRequest(1, "tasks", 0, b"12345678", more))
        assert not kept
        await whole.perform(RestoreRequest(2, "own", 0, b"12345678", True))
        assert len(kept) == 1
        whole.close()


async def test_who_may_restore_no_longer_begins_again() -> None:
    policy = pb.Policy()
    async with pb.Database(MemoryStorage()) as db:
        authority = authority_of(policy)
        whole = WholeCollections(PermittedDatabase(db, authority), LiveLimits())
        await whole.perform(RestoreRequest(1, "tasks", 0, b"1234", True))
        policy.rules = [NOBODY_RESTORES]
        await authority.reconsider(ALL_COLLECTIONS)
        with pytest.raises(pb.Forbidden):
            await whole.perform(RestoreRequest(2, "tasks", 4, b"5678", True))
        policy.rules = []
        await authority.reconsider(ALL_COLLECTIONS)
        with pytest.raises(pb.Unavailable, match="restore from the beginning"):
            await whole.perform(RestoreRequest(3, "tasks", 4, b"5678", True))


async def test_they_are_hashed(pair: Pair) -> None:
    db, remote = pair
    await fill(db, "tasks", 3)
    found = await remote.state_hash("tasks")
    assert found == await db.state_hash("tasks")
    assert (len(found.hash), [*found.vector.values()]) == (64, [3])
