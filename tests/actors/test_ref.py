"""Sending: ask, tell, try_ask, try_tell, backpressure, cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from protobase_actors import (
    Actor,
    ActorFailed,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    Envelope,
    MailboxFull,
    ManualClock,
    Supervision,
)


class Recorder(Actor[object]):
    """Writes down what it receives; a turn waits while the gate is closed."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def turn(self, batch: Sequence[Envelope[object]]) -> None:
        self.batches.append(len(batch))
        await self.gate.wait()
        await super().turn(batch)

    async def receive(self, message: object) -> object:
        if isinstance(message, Exception):
            raise message
        self.seen.append(message)
        return message


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def system(clock: ManualClock):
    async with ActorSystem(clock=clock) as system:
        yield system


@pytest.fixture
def actor() -> Recorder:
    return Recorder()


async def test_ask_is_answered(system: ActorSystem, actor: Recorder):
    ref = await system.spawn(lambda: actor, name="a")
    assert await ref.ask("hello") == "hello"
    assert await ref.try_ask("again") == "again"


async def test_error_of_receive_is_the_askers_answer_only(system: ActorSystem, actor: Recorder):
    ref = await system.spawn(lambda: actor, name="a")
    bad, good = ref.try_ask(KeyError("no")), ref.try_ask("fine")
    with pytest.raises(KeyError):
        await bad
    assert await good == "fine"
    assert ref.stats.restarts == 0


async def test_what_waits_makes_one_batch_up_to_the_limit(system: ActorSystem, actor: Recorder):
    ref = await system.spawn(lambda: actor, name="a", batch=4)
    for number in range(10):
        ref.try_tell(number)
    assert await ref.ask("end") == "end"
    assert actor.batches == [4, 4, 3]
    assert actor.seen == [*range(10), "end"]


async def test_full_mailbox_refuses_try_and_holds_tell(
    system: ActorSystem, actor: Recorder, clock: ManualClock
):
    ref = await system.spawn(lambda: actor, name="a", mailbox=2)
    actor.gate.clear()
    ref.try_tell(0)
    await clock.settle()  # taken: the turn waits at the gate
    ref.try_tell(1)
    ref.try_tell(2)
    with pytest.raises(MailboxFull):
        ref.try_tell(3)
    with pytest.raises(MailboxFull):
        ref.try_ask(3)
    tells = [asyncio.create_task(ref.tell(number)) for number in (4, 5, 6)]
    await clock.settle()
    assert not any(tell.done() for tell in tells)
    assert ref.stats.waiting == 3
    actor.gate.set()
    await asyncio.gather(*tells)
    await ref.ask("end")
    assert actor.seen == [0, 1, 2, 4, 5, 6, "end"]


async def test_cancelled_senders_are_skipped_and_lose_no_wake_up(
    system: ActorSystem, actor: Recorder, clock: ManualClock
):
    ref = await system.spawn(lambda: actor, name="a", mailbox=1)
    actor.gate.clear()
    asks = [asyncio.create_task(ref.ask(number)) for number in range(3)]
    tells = [asyncio.create_task(ref.tell(number)) for number in range(3, 6)]
    await clock.settle()  # 0 is taken, 1 is queued, the others wait for room
    for task in (*asks, tells[0]):
        task.cancel()
    await clock.settle()
    assert ref.stats.waiting == 2
    actor.gate.set()
    await asyncio.gather(*tells[1:])
    await ref.ask("end")
    assert actor.seen == [0, 4, 5, "end"]


async def test_ask_times_out_by_the_clock(system: ActorSystem, actor: Recorder, clock: ManualClock):
    ref = await system.spawn(lambda: actor, name="a", mailbox=1)
    actor.gate.clear()
    asks = [asyncio.create_task(ref.ask(number, timeout=5)) for number in range(3)]
    await clock.advance(4.9)
    assert not any(ask.done() for ask in asks)
    await clock.advance(0.2)
    for ask in asks:
        with pytest.raises(AskTimeout):
            await ask
    actor.gate.set()
    await ref.ask("end", timeout=1)
    assert actor.seen == [0, "end"]


async def test_stop_finishes_the_queue_and_refuses_the_rest(
    system: ActorSystem, actor: Recorder, clock: ManualClock
):
    ref = await system.spawn(lambda: actor, name="a", mailbox=1)
    actor.gate.clear()
    asks = [asyncio.create_task(ref.ask(number)) for number in range(3)]
    await clock.settle()
    stop = asyncio.create_task(ref.stop())
    await clock.settle()
    with pytest.raises(ActorStopped) as refused:
        ref.try_tell(4)
    assert refused.value.retryable
    actor.gate.set()
    await stop
    assert [await asks[0], await asks[1]] == [0, 1]
    with pytest.raises(ActorStopped):
        await asks[2]
    await ref.stop()
    assert system.stats() == {}


async def test_deferred_reply_outlives_its_turn(system: ActorSystem, clock: ManualClock):
    kept: list[Envelope[str]] = []

    class Deferring(Actor[str]):
        async def turn(self, batch: Sequence[Envelope[str]]) -> None:
            kept.extend(batch)

    ref = await system.spawn(Deferring, name="a")
    first, second, third = ref.try_ask("1"), ref.try_ask("2"), ref.try_ask("3")
    await clock.settle()
    assert ref.stats.deferred == 3
    kept[0].reply("one")
    second.cancel()
    assert await first == "one"
    await clock.settle()
    assert kept[0].answered
    assert kept[1].cancelled
    assert ref.stats.deferred == 1
    await ref.stop()
    with pytest.raises(ActorStopped) as stopped:
        await third
    assert not stopped.value.retryable
    kept[2].reply("too late")


async def test_asking_oneself_is_refused(system: ActorSystem):
    class Selfish(Actor[str]):
        async def receive(self, message: str) -> object:
            return await self.context.ref.ask("me")

    ref = await system.spawn(Selfish, name="a")
    with pytest.raises(RuntimeError, match="cannot ask itself"):
        await ref.ask("go")


async def test_an_actor_may_stop_itself(system: ActorSystem):
    class Mayfly(Actor[str]):
        async def receive(self, message: str) -> object:
            await self.context.ref.stop()
            return "bye"

    ref = await system.spawn(Mayfly, name="a")
    assert await ref.ask("stop") == "bye"
    await ref.wait_stopped()


async def test_failed_actor_keeps_refusing_with_its_cause():
    def escalated(name: str, error: BaseException) -> None:
        escalations.append((name, error))

    class Broken(Actor[str]):
        async def turn(self, batch: Sequence[Envelope[str]]) -> None:
            raise OSError("disk")

    escalations: list[tuple[str, BaseException]] = []

    async with ActorSystem(clock=ManualClock(), on_escalate=escalated) as system:
        ref = await system.spawn(Broken, name="a", supervision=Supervision(max_restarts=0))
        with pytest.raises(ActorFailed) as failed:
            await ref.ask("x")
        assert isinstance(failed.value.cause, OSError)
        assert not failed.value.retryable
        with pytest.raises(ActorFailed):
            ref.try_tell("y")
        with pytest.raises(ActorFailed):
            await ref.wait_stopped()
    assert [name for name, _ in escalations] == ["a"]
