"""What a `Stream` has to do, whichever servers are behind it: the real ones and the model are held to it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from protobase_storage.nats.stream import Draft, Message, Outrun, Refused, Stream
from protobase_storage.nats.subjects import Subjects
from tests.support.eventually import until
from tests.support.nats_places import stream_of


class Names(Subjects):
    """Subjects of the test's stream."""

    def __init__(self, place: Path) -> None:
        super().__init__(stream_of(place))
        self.a, self.b, self.c = map(self.log, "abc")
        self.piece = self.pieces("a", "1")


class StreamConformance(ABC):
    """Each test has a stream of its own, with the name `stream_of` its folder."""

    @abstractmethod
    async def open(self, place: Path) -> Stream:
        """at.a process's view of the stream at a place, which is made with the first one."""

    @pytest.fixture
    async def stream(self, tmp_path: Path) -> Any:
        stream = await self.open(tmp_path)
        yield stream
        await stream.close()

    @pytest.fixture
    def at(self, tmp_path: Path) -> Names:
        return Names(tmp_path)

    @pytest.fixture
    async def other(self, stream: Stream, tmp_path: Path) -> Any:
        """Another process's view of it."""
        other = await self.open(tmp_path)
        yield other
        await other.close()

    async def test_a_message_is_stored_behind_the_one_that_it_expects(
        self, stream: Stream, at: Names
    ) -> None:
        (first,) = await stream.publish([Draft(at.a, b"1", 0)])
        (second,) = await stream.publish([Draft(at.a, b"2", first)])
        assert second == first + 1
        for expected in (0, first, second + 1):
            with pytest.raises(Outrun):
                await stream.publish([Draft(at.a, b"3", expected)])
        assert [each.data for each in await stream.read(at.a, 0)] == [b"1", b"2"]

    async def test_of_two_that_expect_the_same_one_is_stored(
        self, stream: Stream, other: Stream, at: Names
    ) -> None:
        drafts = [Draft(at.a, b"1", 0), Draft(at.a, b"2", 0)]
        told = await asyncio.gather(
            stream.publish(drafts[:1]), other.publish(drafts[1:]), return_exceptions=True
        )
        assert sorted(type(each) for each in told if not isinstance(each, list)) == [Outrun]
        assert len(await stream.read(at.a, 0)) == 1

    async def test_several_are_stored_or_none(self, stream: Stream, at: Names) -> None:
        numbers = await stream.publish([Draft(at.a, b"1", 0), Draft(at.b, b"1", 0)])
        assert numbers == [numbers[0], numbers[0] + 1]
        for wrong in ([0, numbers[1]], [numbers[0], 0]):
            drafts = [Draft(each, b"2", number) for each, number in zip((at.a, at.b), wrong, strict=True)]
            with pytest.raises(Outrun):
                await stream.publish(drafts)
        assert dict(await stream.subjects(at.logs)) == {at.a: 1, at.b: 1}

    async def test_a_message_can_expect_something_of_another_subject(self, stream: Stream, at: Names) -> None:
        (number,) = await stream.publish([Draft(at.a, b"1", 0)])
        with pytest.raises(Outrun):
            await stream.publish([Draft(at.piece, b"", 0, at.a), Draft(at.b, b"1", 0)])
        await stream.publish([Draft(at.piece, b"", number, at.a), Draft(at.b, b"1", 0)])
        assert await stream.last(at.piece) is not None

    async def test_the_last_one_is_that_of_now(self, stream: Stream, at: Names) -> None:
        assert await stream.last(at.a) is None
        numbers = [await stream.store(at.a, data) for data in (b"1", b"2")]
        for number, data in ((numbers[1], b"2"), (numbers[0], b"1")):
            found = await stream.last(at.a)
            assert found is not None
            assert (found.subject, found.sequence, found.data) == (at.a, number, data)
            assert abs(moment(await stream.time()) - moment(found.time)) < 60
            await stream.wipe(number)
        assert await stream.last(at.a) is None

    async def test_what_is_wiped_is_expected_no_more(self, stream: Stream, at: Names) -> None:
        first, second = [await stream.store(at.a, data) for data in (b"1", b"2")]
        await stream.wipe(second)
        await stream.wipe(second)  # harmless
        with pytest.raises(Outrun):
            await stream.publish([Draft(at.a, b"3", second)])
        (third,) = await stream.publish([Draft(at.a, b"3", first)])
        assert third > second
        assert [each.sequence for each in await stream.read(at.a, 0)] == [first, third]

    async def test_messages_are_read_in_order_from_any_number_on(self, stream: Stream, at: Names) -> None:
        numbers = [
            await stream.store(subject, bytes([n]))
            for n, subject in enumerate((at.a, at.b, at.a, at.piece, at.a))
        ]
        assert [each.sequence for each in await stream.read(at.a, 0)] == [
            numbers[0],
            numbers[2],
            numbers[4],
        ]
        assert [each.data for each in await stream.read(at.a, numbers[0])] == [b"\2", b"\4"]
        assert [each.subject for each in await stream.read(at.logs, 0)] == [
            at.a,
            at.b,
            at.a,
            at.a,
        ]
        assert await stream.read(at.a, numbers[4]) == []
        assert await stream.read(at.c, 0) == []

    async def test_much_is_read_in_pages(self, stream: Stream, at: Names) -> None:
        numbers = [await stream.store(at.a, bytes(900_000)) for _ in range(6)]
        found, after = list[Message](), 0
        while page := await stream.read(at.a, after):
            assert len(page) < len(numbers)
            found += page
            after = page[-1].sequence
        assert [each.sequence for each in found] == numbers

    async def test_subjects_say_how_many_messages_they_have(self, stream: Stream, at: Names) -> None:
        assert dict(await stream.subjects(at.logs)) == {}
        for subject in (at.a, at.b, at.a, at.piece):
            await stream.store(subject, b"")
        assert dict(await stream.subjects(at.logs)) == {at.a: 2, at.b: 1}
        assert dict(await stream.subjects(at.pieces("a"))) == {at.piece: 1}

    async def test_bytes_are_those_of_what_is_there(self, stream: Stream, at: Names) -> None:
        before = await stream.state(at.logs)
        number = await stream.store(at.a, bytes(10_000))
        state = await stream.state(at.logs)
        assert state.bytes >= before.bytes + 10_000
        assert (state.messages, state.subjects) == (before.messages + 1, before.subjects + 1)
        assert state.last == number
        await stream.wipe(number)
        state = await stream.state(at.logs)
        assert (state.bytes, state.messages, state.subjects) == (
            before.bytes,
            before.messages,
            before.subjects,
        )

    async def test_the_server_that_leads_lacks_nothing(self, stream: Stream, at: Names) -> None:
        leader = (await stream.state(at.logs)).replicas[0]
        assert (leader.leads, leader.online, leader.current, leader.lag) == (True, True, True, 0)
        connection = stream.connection()
        assert connection.server in connection.servers
        assert connection.reconnects == 0

    async def test_who_listens_is_told_what_is_stored(self, stream: Stream, other: Stream, at: Names) -> None:
        told, told_other = list[tuple[int, int, bytes]](), list[int]()
        before = await stream.store(at.a, b"before")
        end = await stream.listen(
            at.heard("a"), lambda each, last: told.append((each.sequence, last, each.data))
        )
        await other.listen(at.heard("a"), lambda each, last: told_other.append(each.sequence))
        await listens(stream, other)
        first = await stream.store(at.a, b"1")
        await stream.store(at.b, b"of no interest")
        second, _ = await other.publish([Draft(at.a, b"2", first), Draft(at.piece, b"", 0)])
        await until(lambda: len(told_other) == 2)
        await until(lambda: len(told) == 2)
        assert told == [(first, before, b"1"), (second, first, b"2")]
        assert told_other == [first, second]
        end()
        await listens(stream, other)
        third = await stream.store(at.a, b"3")
        await until(lambda: told_other[-1] == third)
        assert len(told) == 2

    async def test_what_is_said_is_heard_and_not_stored(
        self, stream: Stream, other: Stream, at: Names
    ) -> None:
        heard, heard_other = list[bytes](), list[bytes]()
        end = await stream.hear(at.queue, heard.append)
        await other.hear(at.queue, heard_other.append)
        await listens(stream, other)
        size = (await stream.state(at.logs)).bytes
        for data in (b"1", b"2"):
            await stream.say(at.queue, data)
        await until(lambda: len(heard_other) == 2)
        await until(lambda: len(heard) == 2)
        assert heard == heard_other == [b"1", b"2"]
        assert (await stream.state(at.logs)).bytes == size
        end()

    async def test_what_is_too_long_is_refused(self, stream: Stream, at: Names) -> None:
        await stream.store(at.a, bytes(stream.payload_bytes - 1_000))
        with pytest.raises(Refused):
            await stream.store(at.a, bytes(stream.payload_bytes + 1))


async def listens(*streams: Stream) -> None:
    """Wait until the servers know of what was asked of them before."""
    for each in streams:
        await each.time()


def moment(told: str) -> float:
    """In seconds, of what a server says."""
    return datetime.fromisoformat(f"{told[:19]}+00:00").timestamp()
