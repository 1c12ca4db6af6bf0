"""What goes wrong between a process and its stream, and what is there then."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nats
import pytest

from protobase_storage.conformance.model import make_commit, make_snapshot
from protobase_storage.errors import (
    CollectionCorrupt,
    SequenceConflict,
    StorageBusy,
    StorageError,
    StorageFenced,
    StorageOutdated,
    StorageSilent,
    StorageUnreachable,
)
from protobase_storage.nats.address import parse_address
from protobase_storage.nats.answers import Answers
from protobase_storage.nats.connection import NatsStream
from protobase_storage.nats.opening import patiently
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Draft, Stream, Unanswered
from protobase_storage.nats.subjects import Subjects
from tests.support.nats_places import address_of, open_nats, stream_of, url_of
from tests.support.nats_servers import NatsServer

pytestmark = pytest.mark.usefixtures("on_one")

SHORT = 0.3
"""Seconds of patience, where it is to end."""


class FaultyStream:
    """A `Stream` on which each publication goes wrong that `faults` has one for, in order."""

    def __init__(self, stream: Any, faults: list[str]) -> None:
        self._stream = stream
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def publish(self, drafts: Sequence[Draft]) -> list[int]:
        logs = [draft for draft in drafts if ".log." in draft.subject]
        fault = self._faults.pop(0) if logs and self._faults else ""
        if fault == "lost":
            raise Unanswered("lost")
        numbers = await self._stream.publish(drafts)
        if fault == "unanswered":
            raise Unanswered("the answer is lost")
        return numbers


def faulty(faults: list[str]) -> Callable[[Stream], Stream]:
    """What makes a stream faulty."""
    return lambda stream: FaultyStream(stream, faults)


async def open_faulty(place: Path, faults: list[str]) -> NatsStorage:
    return await NatsStorage.open(address_of(place), wrap=faulty(faults))


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[NatsStorage]:
    """One that has little patience."""
    storage = await open_nats(tmp_path, seconds=SHORT)
    yield storage
    await storage.close()


@pytest.mark.parametrize("faults", [["lost"], ["unanswered"], ["unanswered", "lost", "unanswered"]])
async def test_what_is_not_answered_is_stored_once(tmp_path: Path, faults: list[str]) -> None:
    storage = await open_faulty(tmp_path, faults)
    appends = [[make_commit("a", n), make_commit("b", n)] for n in range(1, 4)]
    for each in appends:
        await storage.append(each)
    assert (await storage.load("a")).commits == tuple(each[0] for each in appends)
    assert (await storage.load("b")).commits == tuple(each[1] for each in appends)
    assert faults == []
    await storage.close()


@pytest.mark.parametrize("faults", [["", "lost"], ["", "unanswered"]])
async def test_what_is_behind_others_is_stored_once_or_surely_not(tmp_path: Path, faults: list[str]) -> None:
    one, other = await open_faulty(tmp_path, faults), await open_nats(tmp_path)
    await one.append([make_commit("a", 1)])
    known = {"a": {"node-a": 1}, "b": {}}
    await one.append_behind([make_commit("a", 2)], known)
    assert faults == []
    faults.append("lost")
    outdated = one.append_behind([make_commit("a", 3)], known | {"a": {"node-a": 2}})
    await other.append([make_commit("b", 1)])
    with pytest.raises(StorageOutdated, match="'b'"):
        await outdated
    assert (await other.load("a")).vector == {"node-a": 2}
    await one.close()
    await other.close()


async def test_of_what_was_relied_on_no_message_is_left(storage: NatsStorage) -> None:
    await storage.append_behind([make_commit("a", 1)], {"a": {}, "b": {}})
    await storage.append_behind([], {"a": {"node-a": 1}, "b": {}})
    assert set(await storage._stream.subjects(Subjects(storage._stream._name).pieces("b"))) == set()


async def test_a_deletion_is_done_once_if_its_answer_is_lost(tmp_path: Path) -> None:
    storage = await open_faulty(tmp_path, ["", "unanswered"])
    await storage.append([make_commit("a", 1)])
    await storage.delete("a", b"remains")
    assert (await storage.load("a")).remains == b"remains"
    await storage.append([make_commit("a", 1)])
    assert (await storage.load("a")).commits == (make_commit("a", 1),)
    await storage.close()


async def test_a_snapshot_whose_answer_is_lost_counts(tmp_path: Path) -> None:
    storage = await open_faulty(tmp_path, ["", "unanswered"])
    await storage.append([make_commit("a", 1), make_commit("a", 2)])
    snapshot = make_snapshot("a", {"node-a": 1}, update=b"s" * 1_000_000)
    await storage.compact(snapshot)
    loaded = await storage.load("a")
    assert (loaded.snapshot, loaded.commits) == (snapshot, (make_commit("a", 2),))
    await storage.close()


async def test_two_processes_write_one_collection(tmp_path: Path) -> None:
    one, two = await open_nats(tmp_path), await open_nats(tmp_path)
    assert one.identity != two.identity
    writes = [
        storage.append([make_commit("a", n, origin=storage.identity), make_commit(storage.identity, n)])
        for n in range(1, 101)
        for storage in (one, two)
    ]
    await asyncio.gather(*writes)
    loaded = await one.load("a")
    assert loaded == await two.load("a")
    assert loaded.vector == {one.identity: 100, two.identity: 100}
    for storage in (one, two):
        own = [each.sequence for each in loaded.commits if each.origin == storage.identity]
        assert own == list(range(1, 101))
        await storage.close()


async def test_two_processes_write_in_turns(tmp_path: Path) -> None:
    """Each knows what it wrote itself, and finds out what the other did."""
    one, two = await open_nats(tmp_path), await open_nats(tmp_path)
    for n in range(1, 6):
        for storage in (one, two):
            await storage.append([make_commit("a", n, origin=storage.identity)])
    assert (await two.load("a")).vector == {one.identity: 5, two.identity: 5}
    with pytest.raises(SequenceConflict):
        await two.append([make_commit("a", 5, origin=one.identity)])
    await one.close()
    await two.close()


async def test_nothing_is_written_into_what_another_process_has_deleted(tmp_path: Path) -> None:
    one, two = await open_nats(tmp_path), await open_nats(tmp_path)
    await one.append([make_commit("a", 1)])
    await two.delete("a", b"remains")
    with pytest.raises(StorageError, match="deleted meanwhile"):
        await one.append([make_commit("a", 2)])
    assert (await one.load("a")).commits == ()
    await one.append([make_commit("a", 1)])
    assert (await two.load("a")).commits == (make_commit("a", 1),)
    await one.close()
    await two.close()


async def test_both_processes_compact(tmp_path: Path) -> None:
    one, two = await open_nats(tmp_path), await open_nats(tmp_path)
    for n in range(1, 5):
        await one.append([make_commit("a", n)])
    await asyncio.gather(
        one.compact(make_snapshot("a", {"node-a": 2})),
        two.compact(make_snapshot("a", {"node-a": 3})),
        return_exceptions=True,
    )
    loaded = await one.load("a")
    assert loaded == await two.load("a")
    assert loaded.snapshot == make_snapshot("a", {"node-a": 3})
    assert loaded.commits == (make_commit("a", 4),)
    await one.append([make_commit("a", 5)])
    await one.close()
    await two.close()


async def test_a_seat_is_taken_again(tmp_path: Path) -> None:
    one, two = await open_nats(tmp_path), await open_nats(tmp_path)
    held = {one.identity, two.identity}
    await one.close()
    three = await open_nats(tmp_path)
    assert three.identity == one.identity
    await two.close()
    await three.close()
    four = await open_nats(tmp_path)
    assert four.identity in held
    await four.close()


async def test_who_has_lost_its_seat_stops(tmp_path: Path, storage: NatsStorage) -> None:
    seat: Any = storage._seat
    other = seat._stream.stream
    await other.publish([Draft(seat._subject, b"\x01\x00\x00\x00\x00", seat._number)])
    await seat._look()
    with pytest.raises(StorageFenced, match="start this one again"):
        await storage.append([make_commit("a", 1)])


async def test_the_backlog_has_a_limit(tmp_path: Path) -> None:
    storage = await open_nats(tmp_path, backlog_limit=10_000)
    first = storage.append([make_commit("a", 1, update=b"x" * 20_000)])
    second = storage.append([make_commit("a", 2)])
    assert second.done()
    with pytest.raises(StorageBusy, match="10000"):
        await second
    await first
    await storage.append([make_commit("a", 2)])
    await storage.close()


async def test_an_append_may_be_too_wide_for_a_batch(storage: NatsStorage) -> None:
    await storage.append([make_commit(f"c{n}", 1) for n in range(1_000)])
    with pytest.raises(StorageError, match="1000 collections"):
        await storage.append([make_commit(f"d{n}", 1) for n in range(1_001)])
    assert (await storage.stats()).collections == 1_000


async def test_a_message_that_is_missing_is_noticed(tmp_path: Path, storage: NatsStorage) -> None:
    for n in range(1, 6):
        await storage.append([make_commit("a", n), make_commit("b", n)])
    stored = await storage._reader.stored("a")
    await storage._stream.wipe(stored.numbers[2])
    other = await open_nats(tmp_path)
    with pytest.raises(CollectionCorrupt, match=r"'a'.*is missing"):
        await other.load("a")
    with pytest.raises(CollectionCorrupt):
        await other.append([make_commit("a", 6)])
    corrupt = {info.name: info.corrupt is not None for info in await other.list()}
    assert corrupt == {"a": True, "b": False}
    assert len((await other.load("b")).commits) == 5
    await other.delete("a")
    await other.append([make_commit("a", 1)])
    assert (await other.load("a")).commits == (make_commit("a", 1),)
    await other.close()


async def test_of_what_is_large_no_piece_is_left(storage: NatsStorage) -> None:
    async def pieces() -> int:
        return sum((await storage._stream.subjects(Subjects(storage._stream._name).pieces("a"))).values())

    large = make_commit("a", 1, update=b"c" * 700_000)
    await storage.append([large])
    assert await pieces() == 2
    assert (await storage.load("a")).commits == (large,)
    for sequence in (1, 2):
        await storage.append([make_commit("a", sequence + 1)])
        await storage.compact(make_snapshot("a", {"node-a": sequence}, update=b"s" * 600_000))
        assert await pieces() == 2  # of the snapshot, and of nothing before it
    await storage.erase("a", b"", make_snapshot("a", {"node-e": 1}, update=b"e" * 1_100_000))
    assert await pieces() == 3
    await storage.delete("a")
    assert await pieces() == 0


async def test_the_first_message_may_not_be_missing(tmp_path: Path, storage: NatsStorage) -> None:
    for n in range(1, 4):
        await storage.append([make_commit("a", n)])
    await storage._stream.wipe((await storage._reader.stored("a")).numbers[0])
    with pytest.raises(CollectionCorrupt, match="is missing"):
        await storage.load("a")


async def test_without_a_server_it_fails_and_goes_on_when_it_is_back(
    on_one: NatsServer, storage: NatsStorage
) -> None:
    await storage.append([make_commit("a", 1)])
    on_one.kill()
    with pytest.raises((StorageSilent, StorageUnreachable)):
        await storage.append([make_commit("a", 2)])
    with pytest.raises(StorageUnreachable):
        await storage.load("a")
    on_one.start()
    on_one.wait_until_ready()
    await _again(lambda: storage.append([make_commit("a", 2)]))
    assert (await storage.load("a")).commits == (make_commit("a", 1), make_commit("a", 2))


async def test_an_answer_is_not_waited_for_when_its_connection_is_lost(
    on_one: NatsServer, storage: NatsStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protobase_storage.nats.connection.CALL_SECONDS", 600.0)
    stream: Any = storage._stream
    inbox, asked = stream._client.new_inbox(), asyncio.Event()

    async def hear(message: object) -> None:
        asked.set()

    await stream._client.subscribe(inbox, cb=hear)
    waiting = asyncio.create_task(stream.store(inbox, b"nobody answers"))
    await asked.wait()
    on_one.kill()
    with pytest.raises(Unanswered, match="the connection was lost"):
        await waiting
    on_one.start()
    on_one.wait_until_ready()
    await _again(lambda: storage.append([make_commit("a", 1)]))


async def test_a_stream_that_is_gone_and_comes_back(
    on_one: NatsServer, storage: NatsStorage, tmp_path: Path
) -> None:
    await storage.append([make_commit("a", 1)])
    on_one.kill()
    streams = on_one.folder / "jetstream" / "$G" / "streams"
    away = streams.parent / "away"
    (streams / stream_of(tmp_path)).rename(away)
    on_one.start()
    on_one.wait_until_ready()
    with pytest.raises(StorageError, match=r"deleted|not found"):
        await _until_connected(lambda: storage.append([make_commit("a", 2)]))
    on_one.kill()
    away.rename(streams / stream_of(tmp_path))
    on_one.start()
    on_one.wait_until_ready()
    await _again(lambda: storage.append([make_commit("a", 2)]))
    assert (await storage.load("a")).commits == (make_commit("a", 1), make_commit("a", 2))


async def _again(ask: Callable[[], Any]) -> None:
    """Ask until it is done, as a client does: the connection comes back by itself."""
    while True:
        try:
            await ask()
            return
        except (StorageSilent, StorageUnreachable):
            await asyncio.sleep(0)


async def _until_connected(ask: Callable[[], Any]) -> None:
    while True:
        try:
            await ask()
            return
        except StorageError as error:
            if "no server can be reached" not in str(error) and "timeout" not in str(error):
                raise


async def test_a_stream_that_would_drop_something_is_refused(tmp_path: Path, storage: NatsStorage) -> None:
    stream: Any = storage._stream
    name = stream_of(tmp_path)
    await stream.ask(f"STREAM.UPDATE.{name}", await stream.configuration() | {"max_age": 3_600_000_000_000})
    with pytest.raises(StorageError, match=r"max_age.*must have 0"):
        await open_nats(tmp_path)


async def test_what_must_exist_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no database"):
        await open_nats(tmp_path, must_exist=True, seconds=SHORT)


async def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("protobase_storage.nats.connection.CONNECT_SECONDS", SHORT)
    with pytest.raises(StorageUnreachable, match="no server answers within"):
        await NatsStorage.open(parse_address("nats://127.0.0.1:1/s"))


async def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    with pytest.raises(StorageError, match=r"pip install 'protobase-live\[nats\]'"):
        await NatsStorage.open(parse_address(url_of(tmp_path)))


class Crowded:
    """A client whose server knows of too few others to make a stream, at first."""

    is_connected = True
    max_payload = 1024

    def __init__(self) -> None:
        self.asked = 0

    async def request(self, subject: str, data: bytes, **_: Any) -> Any:
        self.asked += 1
        error = {
            "code": 400,
            "err_code": 10005,
            "description": "no suitable peers for placement, peer offline",
        }
        config = {"num_replicas": 3}
        return SimpleNamespace(data=json.dumps({"error": error} if self.asked == 1 else {"config": config}))


async def test_a_stream_is_made_once_enough_servers_are_there() -> None:
    address, client = parse_address("nats://host/database?replicas=3"), Crowded()
    stream = NatsStream(address, client, nats.errors, Answers())
    made = await patiently(address, 30, lambda: stream.make({}))
    assert (made, client.asked) == ({"num_replicas": 3}, 2)
