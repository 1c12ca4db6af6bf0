"""Tickets of processes that hear each other over a bus in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import detangle
import pytest

from protobase_live.collection.limits import Limits
from protobase_storage import Vector
from protobase_storage.nats import queueing
from protobase_storage.nats.patient import Patient
from protobase_storage.nats.queueing import CONTESTED_SECONDS, TICKET_SECONDS, Queueing
from protobase_storage.nats.stream import Unavailable
from protobase_storage.packing import pack, unpack

pytestmark = pytest.mark.usefixtures("long_tickets")

SHORT = 0.01
"""Seconds that a ticket counts where it is not given back."""
WAIT = 20.0
"""Seconds after which nothing comes any more."""


class Bus:
    """Everybody hears everything at once, unless it is down, or said by who is dead."""

    def __init__(self) -> None:
        self.up = True
        self.dead: str | None = None
        self.said: list[bytes] = []
        self._heard: list[Callable[[bytes], None]] = []

    async def say(self, subject: str, data: bytes) -> None:
        if not self.up:
            raise Unavailable
        if self.dead is not None and unpack(data)[1] == self.dead:
            return
        self.said.append(data)
        for each in self._heard:
            each(data)

    async def hear(self, subject: str, heard: Callable[[bytes], None]) -> None:
        self._heard.append(heard)

    def when_again(self, tell: Callable[[], None]) -> None: ...


class Process:
    """One that writes, and what it knows to be stored."""

    def __init__(self, bus: Bus, name: str) -> None:
        self.stored: dict[str, Vector] = {}
        stream = Patient(cast("Any", bus), 1.0)
        self.queueing = Queueing(stream, "queue", name, lambda each: self.stored.get(each, {}))

    def enter(self, *collections: str) -> Entered:
        """Ask for a turn, in a task of its own."""
        return Entered(self.queueing, collections)


class Entered:
    """Somebody who is queued, or has his turn until he leaves."""

    def __init__(self, queue: Queueing, collections: tuple[str, ...]) -> None:
        self._seen: asyncio.Future[Mapping[str, Vector]] = asyncio.get_running_loop().create_future()
        self._leaving = asyncio.Event()
        self._task = asyncio.ensure_future(self._run(queue, collections))

    async def _run(self, queue: Queueing, collections: tuple[str, ...]) -> None:
        async with queue.queued(collections) as seen:
            self._seen.set_result(seen)
            await self._leaving.wait()

    @property
    def is_in(self) -> bool:
        return self._seen.done()

    async def turn(self) -> Mapping[str, Vector]:
        """Wait for it; the answer is what is stored."""
        await asyncio.wait([self._seen], timeout=WAIT)
        assert self._seen.done(), "nobody lets it go"
        return self._seen.result()

    async def leave(self) -> None:
        self._leaving.set()
        await self._task

    async def die(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


async def settle() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def bus() -> Bus:
    return Bus()


async def begun(bus: Bus) -> list[Process]:
    found = [Process(bus, name) for name in ("a", "b", "c")]
    for each in found:
        await each.queueing.begin()
    return found


@pytest.fixture
async def processes(bus: Bus) -> list[Process]:
    return await begun(bus)


@pytest.fixture
def short(long_tickets: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "TICKET_SECONDS", SHORT)


async def test_who_comes_later_waits_and_is_told_what_was_stored_before(processes: list[Process]) -> None:
    one, other, _ = processes
    first = one.enter("tasks")
    await first.turn()
    second = other.enter("tasks", "notes")
    await settle()
    assert not second.is_in
    one.stored["tasks"] = {"a": 7}
    await first.leave()
    assert await second.turn() == {"tasks": {"a": 7}}
    await second.leave()


async def test_what_was_stored_before_is_told_in_the_order_of_the_names(processes: list[Process]) -> None:
    """And not in one that differs from process to process: a run that is repeated by its seed is the same."""
    one, other, _ = processes
    names = [f"tasks{n}" for n in range(8)]
    one.stored = {name: {"a": 1} for name in names}
    first = one.enter(*names)
    await first.turn()
    second = other.enter(*reversed(names))
    await first.leave()
    assert list(await second.turn()) == names
    await second.leave()


async def test_those_of_one_process_go_together_until_another_one_comes(processes: list[Process]) -> None:
    one, other, _ = processes
    first, second = one.enter("tasks"), one.enter("tasks")
    await settle()
    assert (first.is_in, second.is_in) == (True, True)
    waiting, third = other.enter("tasks"), one.enter("tasks")
    await settle()
    assert (waiting.is_in, third.is_in) == (False, False)
    await first.leave()
    await settle()
    assert not waiting.is_in
    await second.leave()
    await waiting.turn()
    await settle()
    assert not third.is_in
    await waiting.leave()
    await third.turn()
    await third.leave()


async def test_two_with_one_number_go_by_their_names(bus: Bus, processes: list[Process]) -> None:
    one, other, _ = processes
    heard, bus._heard = bus._heard, []
    later, first = other.enter("tasks"), one.enter("tasks")
    await settle()
    for data in bus.said:
        for each in heard:
            each(data)
    bus._heard = heard
    await first.turn()
    await first.leave()
    await later.turn()
    await later.leave()
    assert bus.said[0] == pack([1, "b", ("tasks",), None])
    assert bus.said[1] == pack([1, "a", ("tasks",), None])


async def test_other_collections_are_not_waited_for(processes: list[Process]) -> None:
    one, other, _ = processes
    first, second = one.enter("tasks"), other.enter("notes")
    await settle()
    assert (first.is_in, second.is_in) == (True, True)
    await first.leave()
    await second.leave()


async def test_all_have_their_turn_in_the_order_in_which_they_came(processes: list[Process]) -> None:
    order: list[int] = []

    async def write(number: int, process: Process) -> None:
        async with process.queueing.queued(["tasks"]):
            order.append(number)
            await settle()

    async with asyncio.TaskGroup() as group:
        for number in range(9):
            group.create_task(write(number, processes[number % 3]))
            await asyncio.sleep(0)
    assert order == list(range(9))


def waited(dead: bool, leaves_after: float | None) -> float:
    """For how many seconds somebody waits behind one who has his turn, and dies or leaves."""

    async def main() -> float:
        bus, loop = Bus(), asyncio.get_running_loop()
        one, other, _ = await begun(bus)
        first = one.enter("tasks")
        await first.turn()
        bus.dead = "a" if dead else None
        if leaves_after is not None:
            loop.call_later(leaves_after, first._leaving.set)
        begins = loop.time()
        second = other.enter("tasks")
        await second.turn()
        took = loop.time() - begins
        await second.leave()
        await first.leave()
        return took

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(queueing, "TICKET_SECONDS", TICKET_SECONDS)
        return detangle.run(main)


def test_who_is_dead_is_waited_for_no_longer_than_a_ticket_counts() -> None:
    assert waited(dead=True, leaves_after=None) == pytest.approx(TICKET_SECONDS)


def test_who_has_long_to_do_is_waited_for_because_he_says_so() -> None:
    assert waited(dead=False, leaves_after=3) == pytest.approx(3)


def test_who_never_leaves_is_waited_for_until_he_has_said_so_often_enough() -> None:
    longest = queueing.TELLINGS * queueing.TELL_SECONDS + TICKET_SECONDS
    assert waited(dead=False, leaves_after=None) == pytest.approx(longest)


@pytest.mark.usefixtures("short")
async def test_without_a_connection_all_go_on(bus: Bus, processes: list[Process]) -> None:
    bus.up = False
    entered = [each.enter("tasks") for each in processes]
    for each in entered:
        assert await each.turn() == {}
        await each.leave()


async def test_who_gives_up_lets_the_next_one_go(processes: list[Process]) -> None:
    one, other, third = processes
    first, second = one.enter("tasks"), other.enter("tasks")
    await first.turn()
    last = third.enter("tasks")
    await settle()
    await second.die()
    await first.leave()
    await last.turn()
    await last.leave()


async def test_a_collection_is_contested_while_others_come(
    processes: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, _ = processes
    entered = one.enter("tasks", "notes")
    await entered.turn()
    await entered.leave()
    assert not one.queueing.contested(["tasks", "notes"])
    assert other.queueing.contested(["x", "notes"])
    assert not other.queueing.contested(["x"])
    now = asyncio.get_running_loop().time()
    monkeypatch.setattr(queueing, "_now", lambda: now + queueing.CONTESTED_SECONDS + 1)
    assert not other.queueing.contested(["notes"])


async def test_what_is_known_has_limits(processes: list[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queueing, "CONTESTED", 2)
    monkeypatch.setattr(queueing, "TICKETS", 2)
    one, other, _ = processes
    entered = [one.enter(name) for name in ("a", "b", "c")]
    await settle()
    assert [each.is_in for each in entered] == [True, True, False]  # nobody knows of the last one
    assert [other.queueing.contested([name]) for name in ("a", "b", "c")] == [False, True, True]
    for each in entered:
        await each.die()
    last = one.enter("c")
    await last.turn()
    await last.leave()


@pytest.mark.parametrize("said", [b"", b"\xc1", pack(1), pack([1, "x", 3, None]), pack(["?", "x", [], None])])
async def test_what_nobody_understands_is_passed_over(
    bus: Bus, processes: list[Process], said: bytes
) -> None:
    await bus.say("queue", said)
    entered = processes[0].enter("tasks")
    await settle()
    assert entered.is_in
    await entered.leave()


async def test_tickets_for_different_collections_are_different_ones(processes: list[Process]) -> None:
    one, other, _ = processes
    tasks, notes = one.enter("tasks"), one.enter("notes")
    await settle()
    waits = other.enter("notes")
    await tasks.leave()
    await settle()
    assert not waits.is_in
    await notes.leave()
    await waits.turn()
    await waits.leave()


def test_who_was_outrun_comes_again_while_its_collection_is_contested() -> None:
    assert Limits().outrun_seconds <= CONTESTED_SECONDS
