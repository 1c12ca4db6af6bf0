"""Failure, restart, escalation, hooks, cancelling: the life of an actor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random

import pytest

from protobase_actors import (
    Actor,
    ActorFailed,
    ActorState,
    ActorStopped,
    ActorSystem,
    Envelope,
    ManualClock,
    NameTaken,
    Supervision,
    SystemClosed,
    TooManyActors,
)

RULES = Supervision(max_restarts=2, window_seconds=100, backoff_seconds=1, hook_seconds=10)


class Panic(BaseException):
    """As extension modules raise them: no Exception."""


class Scripted(Actor[object]):
    """Does what the messages say: an error is raised, a function called, the rest kept unanswered."""

    log: list[str]
    kept: list[Envelope[object]]

    def __init__(self, log: list[str]) -> None:
        self.log = log
        self.kept = []

    async def on_start(self) -> None:
        self.log.append("start")

    async def on_stop(self) -> None:
        self.log.append("stop")

    async def turn(self, batch: Sequence[Envelope[object]]) -> None:
        for envelope in batch:
            message = envelope.message
            if isinstance(message, BaseException):
                raise message
            if callable(message):
                envelope.reply(await message(self))
            elif message == "keep":
                self.kept.append(envelope)
            else:
                envelope.reply(message)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def escalations() -> list[tuple[str, BaseException]]:
    return []


@pytest.fixture
async def system(
    clock: ManualClock, escalations: list[tuple[str, BaseException]]
) -> AsyncIterator[ActorSystem]:
    def escalate(name: str, error: BaseException) -> None:
        escalations.append((name, error))

    async with ActorSystem(clock=clock, random=Random(1), on_escalate=escalate) as system:
        yield system


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def factory(log: list[str]) -> Callable[[], Scripted]:
    return lambda: Scripted(log)


@pytest.mark.parametrize("error", [OSError("disk"), Panic("rust"), asyncio.CancelledError()])
async def test_failed_turn_answers_what_was_taken_and_keeps_what_is_queued(
    error: BaseException,
    system: ActorSystem,
    clock: ManualClock,
    factory: Callable[[], Scripted],
    log: list[str],
):
    ref = await system.spawn(factory, name="a", batch=2, supervision=RULES)
    early = ref.try_ask("keep")
    await clock.settle()
    with_it, queued = [ref.try_ask(error), ref.try_ask("same batch")], ref.try_ask("queued")
    await clock.settle()
    for answer in (early, *with_it):
        with pytest.raises(ActorFailed) as failed:
            await answer
        assert failed.value.cause is error
        assert failed.value.retryable
    assert ref.stats.state is ActorState.RESTARTING
    assert not queued.done()
    await clock.advance(1)
    assert await queued == "queued"
    assert log == ["start", "stop", "start"]
    assert ref.stats.restarts == 1
    assert ref.stats.failure is error


async def test_too_many_failures_escalate(
    system: ActorSystem,
    clock: ManualClock,
    factory: Callable[[], Scripted],
    escalations: list[tuple[str, BaseException]],
):
    ref = await system.spawn(factory, name="a", batch=1, supervision=RULES)
    errors = [OSError(str(number)) for number in range(3)]
    answers = [ref.try_ask(error) for error in errors]
    queued = ref.try_ask("queued")
    await clock.advance(1)
    await clock.advance(2)
    for answer, error in zip(answers, errors, strict=True):
        with pytest.raises(ActorFailed) as failed:
            await answer
        assert failed.value.cause is error
        assert failed.value.retryable == (error is not errors[2])
    with pytest.raises(ActorFailed):
        await queued
    with pytest.raises(ActorFailed):
        await ref.ask("later")
    assert escalations == [("a", errors[2])]
    assert system.stats() == {}


async def test_restarts_are_forgotten_after_the_window(
    system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted]
):
    ref = await system.spawn(factory, name="a", supervision=RULES)
    for _ in range(10):
        ref.try_tell(OSError("now and then"))
        await clock.advance(60)
    assert ref.stats.restarts == 10
    assert await ref.ask("alive") == "alive"


async def test_fail_from_outside_interrupts_a_turn(
    system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted]
):
    async def hang(actor: Scripted) -> None:
        asyncio.get_running_loop().call_soon(actor.context.fail, OSError("flush"))
        await asyncio.Event().wait()

    ref = await system.spawn(factory, name="a", supervision=RULES)
    with pytest.raises(ActorFailed, match="flush"):
        await ref.ask(hang)
    await clock.advance(1)
    assert await ref.ask("alive") == "alive"


async def test_fail_works_on_an_idle_actor_from_within_a_turn_and_not_afterwards(
    system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted]
):
    async def expose(actor: Scripted) -> Scripted:
        return actor

    async def fail(actor: Scripted) -> str:
        actor.context.fail(OSError("within"))
        return "no await any more"

    ref = await system.spawn(factory, name="a", supervision=RULES)
    old = await ref.ask(expose)
    assert isinstance(old, Scripted)
    old.context.fail(OSError("idle"))
    await clock.advance(1)
    assert await ref.ask(fail) == "no await any more"
    await clock.advance(2)
    old.context.fail(OSError("a former incarnation"))
    assert await ref.ask("alive") == "alive"
    assert ref.stats.restarts == 2


async def test_a_turn_that_fails_itself_goes_no_further_than_its_next_await(
    system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted], log: list[str]
):
    async def fail(actor: Scripted) -> None:
        actor.context.fail(OSError("within"))
        await asyncio.Event().wait()

    ref = await system.spawn(factory, name="a", supervision=RULES)
    with pytest.raises(ActorFailed, match="within"):
        await ref.ask(fail)
    await clock.advance(1)
    assert await ref.ask("alive") == "alive"
    assert log == ["start", "stop", "start"]


async def test_failing_first_start_is_raised_by_spawn(
    system: ActorSystem, escalations: list[tuple[str, BaseException]]
):
    class Unstartable(Actor[str]):
        async def on_start(self) -> None:
            raise OSError("no state")

    for _ in range(2):
        with pytest.raises(OSError, match="no state"):
            await system.spawn(Unstartable, name="a")
    assert system.stats() == {}
    assert escalations == []


async def test_failing_restart_counts_as_a_failure(
    system: ActorSystem, clock: ManualClock, escalations: list[tuple[str, BaseException]]
):
    class Once(Scripted):
        async def on_start(self) -> None:
            await super().on_start()
            if len(self.log) > 1:
                raise OSError("no state any more")

    log: list[str] = []
    ref = await system.spawn(lambda: Once(log), name="a", supervision=RULES)
    ref.try_tell(ValueError("first"))
    await clock.settle()
    waiting = ref.try_ask("queued")
    await clock.advance(10)
    with pytest.raises(ActorFailed, match="no state any more"):
        await waiting
    assert log == ["start", "stop", "start", "start"]
    assert [str(error) for _, error in escalations] == ["no state any more"]


async def test_stop_during_backoff_ends_at_once(
    system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted]
):
    ref = await system.spawn(factory, name="a", supervision=RULES)
    ref.try_tell(OSError("x"))
    await clock.settle()
    queued = ref.try_ask("queued")
    with pytest.raises(ActorFailed):
        await ref.stop()
    with pytest.raises(ActorFailed) as failed:
        await queued
    assert not failed.value.retryable


async def test_failing_on_stop_is_raised_by_stop_and_escalated(
    system: ActorSystem, escalations: list[tuple[str, BaseException]]
):
    class Sticky(Actor[str]):
        async def on_stop(self) -> None:
            raise OSError("last flush")

    ref = await system.spawn(Sticky, name="a")
    with pytest.raises(ActorFailed, match="last flush"):
        await ref.stop()
    assert [str(error) for _, error in escalations] == ["last flush"]


async def test_failing_on_stop_of_a_failed_actor_is_noted_on_the_failure(
    system: ActorSystem, clock: ManualClock
):
    class Sticky(Scripted):
        async def on_stop(self) -> None:
            raise OSError("last flush")

    ref = await system.spawn(lambda: Sticky([]), name="a", supervision=Supervision(max_restarts=0))
    cause = ValueError("first")
    with pytest.raises(ActorFailed):
        await ref.ask(cause)
    await clock.settle()
    assert "last flush" in cause.__notes__[0]


async def test_hooks_have_a_time_limit(system: ActorSystem, clock: ManualClock):
    class Slow(Actor[str]):
        async def on_start(self) -> None:
            await asyncio.Event().wait()

    spawn = asyncio.create_task(system.spawn(Slow, name="a", supervision=RULES))
    await clock.advance(9)
    assert not spawn.done()
    await clock.advance(2)
    with pytest.raises(TimeoutError, match="on_start"):
        await spawn


async def test_cancelling_spawn_cancels_the_start(system: ActorSystem, clock: ManualClock):
    class Slow(Actor[str]):
        async def on_start(self) -> None:
            await asyncio.Event().wait()

    spawn = asyncio.create_task(system.spawn(Slow, name="a"))
    await clock.settle()
    spawn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spawn
    await clock.settle()
    assert system.stats() == {}


async def test_cancelled_task_of_an_actor_answers_everyone(
    system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted]
):
    async def hang(actor: Scripted) -> None:
        await asyncio.Event().wait()

    ref = await system.spawn(factory, name="a", batch=1)
    answers = [ref.try_ask(hang), ref.try_ask("queued")]
    await clock.settle()
    next(task for task in asyncio.all_tasks() if task.get_name() == "actor a").cancel()
    for answer, untouched in zip(answers, (False, True), strict=True):
        with pytest.raises(ActorStopped) as stopped:
            await answer
        assert stopped.value.retryable == untouched
    await ref.wait_stopped()


async def test_system_admits_only_what_it_can_keep(factory: Callable[[], Scripted]):
    async with ActorSystem(clock=ManualClock(), limit=1) as system:
        await system.spawn(factory, name="a")
        with pytest.raises(NameTaken):
            await system.spawn(factory, name="a")
        with pytest.raises(TooManyActors):
            await system.spawn(factory, name="b")
        with pytest.raises(ValueError, match="name"):
            await system.spawn(factory, name="")
    with pytest.raises(SystemClosed):
        await system.spawn(factory, name="a")


async def test_figures(system: ActorSystem, clock: ManualClock, factory: Callable[[], Scripted]):
    async def work(actor: Scripted) -> None:
        await actor.context.clock.sleep(3)

    ref = await system.spawn(factory, name="a", batch=2)
    answers = [ref.try_ask(work), ref.try_ask("x"), ref.try_ask("y")]
    await clock.settle()
    assert system.stats()["a"].depth == 1
    await clock.advance(4)
    await asyncio.gather(*answers)
    await clock.settle()
    stats = ref.stats
    assert (stats.depth, stats.turns, stats.messages) == (0, 2, 3)
    assert (stats.turn_seconds, stats.turn_seconds_max, stats.active_at) == (3, 3, 3)
