"""What processes say to each other through a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protobase_storage.nats import channel
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_places import open_nats
from tests.support.nats_servers import NatsServer, one_server

pytestmark = pytest.mark.usefixtures("on_one")


class Heard:
    """What was heard on a topic."""

    def __init__(self, storage: NatsStorage, topic: str) -> None:
        self._messages: asyncio.Queue[bytes] = asyncio.Queue()
        storage.channel.listen(topic, self._messages.put_nowait)

    async def next(self) -> bytes:
        async with asyncio.timeout(30):
            return await self._messages.get()

    async def until(self, storage: NatsStorage, topic: str) -> None:
        """Wait until what this storage says is heard."""
        while self._messages.empty():
            storage.channel.say(topic, b"?")
            await asyncio.sleep(0.01)
        while not self._messages.empty():
            self._messages.get_nowait()


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[NatsStorage, NatsStorage]]:
    storages = await open_nats(tmp_path), await open_nats(tmp_path)
    yield storages
    for each in storages:
        await each.close()


async def test_who_listens_hears_everybody_in_order(both: tuple[NatsStorage, NatsStorage]) -> None:
    one, other = both
    here, there = Heard(one, "tasks"), Heard(other, "tasks")
    await there.until(one, "tasks")
    one.channel.say("tasks.*", b"of another topic")
    for number in range(100):
        one.channel.say("tasks", b"%d" % number)
    for number in range(100):
        assert await there.next() == b"%d" % number
    while (said := await here.next()) == b"?":
        pass
    assert said == b"0"


async def test_what_is_said_behind_listening_is_heard(both: tuple[NatsStorage, NatsStorage]) -> None:
    one, _ = both
    for number in range(20):
        heard = Heard(one, f"topic {number}")
        one.channel.say(f"topic {number}", b"hello")
        assert await heard.next() == b"hello"


async def test_who_listens_no_more_hears_nothing(both: tuple[NatsStorage, NatsStorage]) -> None:
    one, _ = both
    first = Heard(one, "tasks")
    one.channel.say("tasks", b"1")
    assert await first.next() == b"1"
    one.channel.unlisten("tasks")
    one.channel.unlisten("tasks")
    one.channel.say("tasks", b"2")
    nodes = Heard(one, "")
    one.channel.say("", b"3")
    assert await nodes.next() == b"3"
    again = Heard(one, "tasks")
    one.channel.say("tasks", b"4")
    assert await again.next() == b"4"
    assert first._messages.empty()


async def test_too_much_is_left_out(
    both: tuple[NatsStorage, NatsStorage], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "UNSENT_BYTES", 10)
    one, _ = both
    heard = Heard(one, "tasks")
    for data in (b"123456", b"7890", b"too much"):
        one.channel.say("tasks", data)
    assert await heard.next() == b"123456"
    assert await heard.next() == b"7890"
    one.channel.say("tasks", b"there")
    assert await heard.next() == b"there"


async def test_what_no_server_takes_is_lost(both: tuple[NatsStorage, NatsStorage]) -> None:
    one, _ = both
    heard = Heard(one, "tasks")
    one.channel.say("tasks", bytes(one.channel.message_bytes + 1))
    one.channel.say("tasks", b"next")
    assert await heard.next() == b"next"


async def test_a_server_that_comes_back_is_told_who_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with one_server() as server:
        await _go_on_behind(server, tmp_path, monkeypatch)


async def _go_on_behind(server: NatsServer, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROTOBASE_TEST_NATS", server.host)
    storage = await open_nats(place, seconds=0.3)
    told = asyncio.Event()
    storage.channel.when_again(told.set)
    before = Heard(storage, "before")
    storage.channel.say("before", b"1")
    assert await before.next() == b"1"
    server.kill()
    meanwhile = Heard(storage, "meanwhile")
    storage.channel.say("before", b"lost")
    server.start()
    async with asyncio.timeout(30):
        await told.wait()
    await meanwhile.until(storage, "meanwhile")
    await before.until(storage, "before")
    await storage.close()


async def test_a_closed_one_says_nothing(tmp_path: Path) -> None:
    storage = await open_nats(tmp_path)
    await storage.close()
    storage.channel.say("tasks", b"1")
    storage.channel.listen("tasks", lambda data: None)
    storage.channel.unlisten("tasks")
