"""Actors by key: start on demand, share a start, passivate when idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from protobase_actors import (
    Actor,
    ActorPool,
    ActorStopped,
    ActorSystem,
    Envelope,
    ManualClock,
    Supervision,
    SystemClosed,
    TooManyActors,
)


class Counting(Actor[str]):
    """Counts for its key in a dictionary that stands for a storage, and loads and saves slowly."""

    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.key = key
        self.count = 0

    async def on_start(self) -> None:
        assert self.key not in self.world.live, "two live actors for one key"
        self.world.live.add(self.key)
        try:
            await self.context.clock.sleep(self.world.slowness)
            if self.world.broken:
                raise OSError("storage")
            self.count = self.world.stored.get(self.key, 0)
        except BaseException:
            self.world.live.discard(self.key)
            raise

    async def on_stop(self) -> None:
        await self.context.clock.sleep(self.world.slowness)
        self.world.stored[self.key] = self.count
        self.world.live.discard(self.key)

    async def turn(self, batch: Sequence[Envelope[str]]) -> None:
        await super().turn([envelope for envelope in batch if envelope.message != "defer"])

    async def receive(self, message: str) -> object:
        if message == "fail":
            self.context.fail(OSError("asked to"))
        self.count += 1
        return self.count

    def idle(self) -> bool:
        return self.key not in self.world.subscribed


class World:
    def __init__(self) -> None:
        self.stored: dict[str, int] = {}
        self.live: set[str] = set()
        self.subscribed: set[str] = set()
        self.slowness = 0.0
        self.broken = False


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def system(clock: ManualClock) -> AsyncIterator[ActorSystem]:
    async with ActorSystem(clock=clock, on_escalate=lambda name, error: None) as system:
        yield system


@pytest.fixture
async def pool(system: ActorSystem, world: World) -> AsyncIterator[ActorPool[str]]:
    rules = Supervision(max_restarts=0)
    pool = ActorPool(system, lambda key: Counting(world, key), idle_seconds=10, limit=2, supervision=rules)
    yield pool
    world.slowness = 0.0
    await pool.close()


async def test_started_on_demand_passivated_when_idle_and_reloaded(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    assert pool.peek("a") is None
    ref = await pool.get("a")
    assert pool.peek("a") is ref
    assert await ref.ask("+") == 1
    await clock.advance(9)
    assert await ref.ask("+") == 2
    await clock.advance(9.5)
    assert pool.peek("a") is ref  # which counts as use
    await clock.advance(9.5)
    assert world.live == {"a"}
    await clock.advance(1)
    assert world.live == set()
    assert len(pool) == 0
    with pytest.raises(ActorStopped):
        ref.try_tell("+")
    assert await pool.ask("a", "+") == 3


async def test_a_busy_actor_is_not_passivated(pool: ActorPool[str], clock: ManualClock, world: World):
    world.subscribed.add("a")
    await pool.get("a")
    await clock.advance(100)
    assert world.live == {"a"}
    world.subscribed.clear()
    await clock.advance(10)
    assert world.live == set()


async def test_unanswered_asks_keep_an_actor_from_being_passivated(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    ref = await pool.get("a")
    answer = ref.try_ask("defer")
    await clock.advance(100)
    assert world.live == {"a"}
    answer.cancel()
    await clock.advance(20)
    assert world.live == set()


async def test_concurrent_gets_share_a_start_even_if_one_is_cancelled(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    world.slowness = 1.0
    gets = [asyncio.create_task(pool.get("a")) for _ in range(3)]
    await clock.settle()
    gets[0].cancel()
    await clock.advance(1)
    assert gets[1].result() is gets[2].result()
    assert gets[0].cancelled()


async def test_a_failing_start_reaches_all_and_is_tried_again(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    world.broken = True
    gets = [asyncio.create_task(pool.get("a")) for _ in range(2)]
    await clock.settle()
    for get in gets:
        with pytest.raises(OSError, match="storage"):
            await get
    world.broken = False
    assert await pool.ask("a", "+") == 1


async def test_a_message_during_passivation_waits_for_the_next_incarnation(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    assert await pool.ask("a", "+") == 1
    world.slowness = 1.0
    await clock.advance(10)  # begins to stop, and takes a second for it
    ask = asyncio.create_task(pool.ask("a", "+"))
    tell = asyncio.create_task(pool.tell("a", "+"))
    await clock.advance(0.5)
    assert world.live == {"a"}
    await clock.advance(2)
    assert await ask == 2
    await tell
    assert await pool.ask("a", "+") == 4


async def test_an_ask_caught_by_a_stop_is_sent_again(pool: ActorPool[str], clock: ManualClock, world: World):
    ref = await pool.get("a")
    ask = asyncio.create_task(pool.ask("a", "+"))
    stop = asyncio.create_task(ref.stop())
    await asyncio.gather(ask, stop)
    assert ask.result() == 1
    assert await pool.ask("a", "+") == 2


async def test_an_ask_that_was_taken_is_not_sent_again(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    ask = asyncio.create_task(pool.ask("a", "defer"))
    await clock.settle()
    await (await pool.get("a")).stop()
    with pytest.raises(ActorStopped):
        await ask
    assert len(pool) == 1
    assert world.live == set()


async def test_a_full_pool_makes_room_or_refuses(pool: ActorPool[str], clock: ManualClock, world: World):
    await pool.get("a")
    await pool.get("b")
    await pool.get("a")
    await pool.get("c")
    assert world.live == {"a", "c"}
    world.subscribed.update("ac")
    with pytest.raises(TooManyActors):
        await pool.get("b")
    world.subscribed.clear()
    gets = [asyncio.create_task(pool.get(key)) for key in "bd"]
    await asyncio.gather(*gets)
    assert world.live == {"b", "d"}


async def test_an_actor_that_was_given_up_is_replaced(pool: ActorPool[str], clock: ManualClock, world: World):
    assert await pool.ask("a", "fail") == 1
    await clock.settle()
    assert await pool.ask("a", "+") == 2


async def test_close_waits_for_starts_and_stops_everything(
    system: ActorSystem, clock: ManualClock, world: World
):
    pool = ActorPool(system, lambda key: Counting(world, key))
    await pool.ask("a", "+")
    world.slowness = 1.0
    get = asyncio.create_task(pool.get("b"))
    await clock.settle()
    close = asyncio.create_task(pool.close())
    await clock.advance(3)
    await close
    await get
    assert world.live == set()
    assert world.stored == {"a": 1, "b": 0}
    with pytest.raises(SystemClosed):
        await pool.get("a")


async def test_messages_keep_their_order_while_the_actor_starts(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    world.slowness = 1.0
    asks = [asyncio.create_task(pool.ask("a", "+")) for _ in range(3)]
    await clock.settle()
    starting = asyncio.create_task(clock.advance(1))
    while not starting.done():  # some find the actor live while those before them are still to be woken
        asks.append(asyncio.create_task(pool.ask("a", "+")))
        await asyncio.sleep(0)
    await starting
    assert [await ask for ask in asks] == list(range(1, len(asks) + 1))


async def test_who_comes_late_does_not_hear_of_a_start_that_failed(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    world.broken = True
    first = asyncio.create_task(pool.ask("a", "+"))
    second = asyncio.create_task(pool.ask("a", "+"))
    with pytest.raises(OSError, match="storage"):
        await first
    world.broken = False
    assert await pool.ask("a", "+") == 1
    with pytest.raises(OSError, match="storage"):
        await second


async def test_who_gives_up_while_the_actor_starts_keeps_nobody_waiting(
    pool: ActorPool[str], clock: ManualClock, world: World
):
    world.slowness = 1.0
    gets = [asyncio.create_task(pool.get("a")) for _ in range(3)]
    await clock.settle()
    for get in gets:
        get.cancel()
    await clock.advance(1)
    assert await pool.ask("a", "+") == 1
    starting = [asyncio.create_task(pool.ask("b", "+")) for _ in range(3)]
    await clock.settle()
    starting[1].cancel()
    await clock.advance(1)
    assert [await starting[0], await starting[2], await pool.ask("b", "+")] == [1, 2, 3]


@pytest.mark.parametrize("apart", range(12))
async def test_an_actor_is_not_passivated_before_those_who_waited_for_it_went_on(
    system: ActorSystem, world: World, apart: int
):
    async with ActorPool(system, lambda key: Counting(world, key), limit=1) as pool:

        async def ask_after(rounds: int, key: str) -> object:
            for _ in range(rounds):
                await asyncio.sleep(0)
            return await pool.ask(key, "+")

        asks = [ask_after(n * apart, key) for n, key in enumerate("abcabc")]
        answers = await asyncio.gather(*asks, return_exceptions=True)
    assert answers[0] == 1
    assert {type(answer) for answer in answers} <= {int, TooManyActors}, (
        "and nobody is told that it has stopped"
    )
