"""Who is revoked: at all servers of a database and of its cluster, and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.model.operations import RECORDS, Op
from protobase_live.server.revocations import RETRY_SECONDS, REVOKED, Revocations
from protobase_live.server.revoked import Revoked
from protobase_storage import Loaded, MemoryStorage, StorageError
from tests.protobase_live.conftest import GatedStorage
from tests.support import raw
from tests.support.eventually import until

SECRET = b"a secret of sixteen bytes or more"


def who(token: str | None) -> str | None:
    """The token is the name."""
    return token


class Asked:
    """A server's list, and who was asked about again."""

    def __init__(self, db: pb.Database, most: int = 10) -> None:
        self.clock = ManualClock()
        self.revoked = Revoked(most)
        self.rechecked: list[tuple[str | None, list[str]]] = []
        self.list = Revocations(db, self.revoked, self._recheck, self.clock)

    async def _recheck(self, collection: str | None, authors: object) -> None:
        self.rechecked.append((collection, list(authors)))  # type: ignore[call-overload]

    async def until(self, found: set[tuple[str, str | None]]) -> None:
        async with asyncio.timeout(10):
            await until(lambda: self.revoked.all == found)


@pytest.fixture
async def db() -> AsyncIterator[pb.Database]:
    async with pb.open("memory:") as db:
        yield db


async def test_all_servers_of_a_database_are_told(db: pb.Database) -> None:
    one, other = Asked(db), Asked(db)
    await one.list.add("ann", "tasks")
    await other.list.begin()
    assert other.revoked.all == {("ann", "tasks")}
    await other.list.add("bob", None)
    await one.until({("ann", "tasks"), ("bob", None)})
    assert one.rechecked == [("tasks", ["ann"]), (None, ["bob"])]
    await one.list.discard("ann", None)
    await other.until({("bob", None)})
    assert other.rechecked == [("tasks", ["ann"]), (None, ["bob"]), ("tasks", ["ann"])]
    for each in (one, other):
        each.list.close()


async def test_who_was_revoked_twice_is_let_in_once(db: pb.Database) -> None:
    asked = Asked(db)
    for collection in ("tasks", "boards", None, "tasks"):
        await asked.list.add("ann", collection)
    await asked.list.discard("ann", "boards")
    assert asked.revoked.all == {("ann", "tasks"), ("ann", None)}
    await asked.list.discard("ann", None)
    await asked.list.discard("bob", None)
    assert len(asked.revoked) == 0
    asked.list.close()


async def test_it_holds_after_a_restart(tmp_path: Path) -> None:
    async with pb.open(f"file:{tmp_path}") as db, pb.Server(db, port=0, authenticate=who) as server:
        await server.revoke("ann")
    async with pb.open(f"file:{tmp_path}") as db, pb.Server(db, port=0, authenticate=who) as server:
        with pytest.raises(pb.Forbidden, match="revoked"):
            async with pb.connect(server.url, token="ann"):
                pass
        await server.let_in("ann")
        async with pb.connect(server.url, token="ann"):
            pass


async def test_at_another_node_of_a_cluster_its_connections_end() -> None:
    async with (
        pb.open("memory:", node_id="a") as one,
        pb.open("memory:", node_id="b") as two,
        pb.Server(one, port=0, authenticate=who, cluster_secret=SECRET) as a,
    ):
        peer = a.url.replace("http", "ws") + "/peer"
        async with pb.Server(two, port=0, authenticate=who, cluster_secret=SECRET, peers=[peer]) as b:
            editor = await raw.dial(b.url.replace("http", "ws") + "/yjs", "tasks", "?token=ann")
            await a.revoke("ann", "tasks")
            async with asyncio.timeout(30):
                assert await raw.close_code(editor) == 4403


async def test_what_cannot_be_stored_holds_here_all_the_same() -> None:
    storage = GatedStorage()
    async with pb.Database(storage) as db:
        asked = Asked(db)
        await asked.list.begin()
        storage.failing = StorageError("the disk is gone")
        with pytest.raises(pb.ProtoBaseError):
            await asked.list.add("ann", None)
        assert asked.revoked.all == {("ann", None)}
        storage.failing = False
        asked.list.close()


class Unreadable(MemoryStorage):
    """Cannot be read at first."""

    broken = True

    async def load(self, collection: str) -> Loaded:
        if self.broken:
            raise StorageError("the disk is gone")
        return await super().load(collection)


async def test_what_cannot_be_read_is_told_and_read_later(caplog: pytest.LogCaptureFixture) -> None:
    storage = Unreadable()
    async with pb.Database(storage) as db:
        asked = Asked(db)
        await asked.list.begin()
        await asked.clock.advance(RETRY_SECONDS)
        assert [each.levelname for each in caplog.records if "who is revoked" in each.message] == ["ERROR"]
        storage.broken = False
        await db.commit({REVOKED: [Op(RECORDS, "put", ("k", {"author": "ann", "collection": None}, {}))]})
        await asked.clock.advance(RETRY_SECONDS)
        await asked.until({("ann", None)})
        asked.list.close()


@pytest.mark.parametrize("record", [{}, {"author": 1}, {"author": "ann", "collection": 7}, {"author": None}])
async def test_what_says_nothing_is_passed_over(db: pb.Database, record: dict[str, object]) -> None:
    put = Op(RECORDS, "put", ("k", record, {}))
    await db.commit({REVOKED: [put]})
    asked = Asked(db)
    await asked.list.begin()
    await db.commit({REVOKED: [put]})
    await asked.list.add("bob", "tasks")
    assert asked.revoked.all == {("bob", "tasks")}
    asked.list.close()


async def test_with_one_too_many_nobody_more_is_revoked(db: pb.Database) -> None:
    asked = Asked(db, most=1)
    await asked.list.add("ann", None)
    await asked.list.add("ann", None)
    with pytest.raises(pb.LimitExceeded, match=r"1 are revoked already \(revocations\)"):
        await asked.list.add("bob", None)
    assert asked.revoked.all == {("ann", None)}
    asked.list.close()


async def test_where_all_are_anonymous_nobody_can_be_revoked(db: pb.Database) -> None:
    async with pb.Server(db, port=0) as server:
        with pytest.raises(pb.ValidationError, match="authenticate"):
            await server.revoke("ann")
