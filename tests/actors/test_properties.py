"""Generated schedules: nothing is lost, repeated, reordered or left unanswered, whatever happens."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from protobase_actors import (
    Actor,
    ActorFailed,
    ActorPool,
    ActorStopped,
    ActorSystem,
    AskTimeout,
    Envelope,
    MailboxFull,
    ManualClock,
    Supervision,
    TooManyActors,
)

SENDERS = 5
KEYS = ("a", "b", "c")  # one more than the pool has room for; most goes to the first


@dataclass(frozen=True)
class Message:
    sender: int
    number: int
    deed: str  # what the actor does with it: reply, defer, crash


@dataclass
class World:
    """What has happened, as seen from outside the actors."""

    taken: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    sent: list[tuple[str, Message]] = field(default_factory=list)
    refused: list[tuple[str, Message]] = field(default_factory=list)
    answered: list[tuple[str, Message, object]] = field(default_factory=list)
    kept: list[Envelope[Message]] = field(default_factory=list)
    futures: list[asyncio.Future[object]] = field(default_factory=list)
    live: dict[str, Actor[Message]] = field(default_factory=dict)
    unexpected: list[Exception] = field(default_factory=list)
    escalated: set[str] = field(default_factory=set)
    gates: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))


class Subject(Actor[Message]):
    def __init__(self, world: World, key: str) -> None:
        self.world = world
        self.key = key

    async def on_start(self) -> None:
        assert self.key not in self.world.live, "two live actors for one key"
        self.world.live[self.key] = self
        await asyncio.sleep(0)

    async def on_stop(self) -> None:
        await asyncio.sleep(0)
        del self.world.live[self.key]

    async def turn(self, batch: Sequence[Envelope[Message]]) -> None:
        self.world.taken[self.key] += [envelope.message for envelope in batch]
        await self.world.gates[self.key].wait()
        for envelope in batch:
            match envelope.message.deed:
                case "crash":
                    raise OSError("as the schedule says")
                case "defer":
                    self.world.kept.append(envelope)
                case _:
                    envelope.reply(envelope.message)


class Sender:
    """Carries out one command after the other; the one under way can be cancelled."""

    def __init__(self, index: int, pool: ActorPool[Message], world: World) -> None:
        self.index = index
        self.pool = pool
        self.world = world
        self.count = 0
        self.commands: asyncio.Queue[Callable[[], Coroutine[Any, Any, None]]] = asyncio.Queue()
        self.current: asyncio.Task[None] | None = None
        self.task = asyncio.create_task(self.run())

    async def run(self) -> None:
        while True:
            command = await self.commands.get()
            self.current = asyncio.create_task(command())
            await asyncio.wait([self.current])
            self.current = None

    @property
    def busy(self) -> bool:
        return self.current is not None or not self.commands.empty()

    def cancel(self) -> None:
        if self.current is not None:
            self.current.cancel()

    def send(self, way: str, key: str, deed: str) -> None:
        self.count += 1
        message = Message(self.index, self.count, deed)
        self.commands.put_nowait(lambda: self.deliver(way, key, message))

    async def deliver(self, way: str, key: str, message: Message) -> None:
        try:
            await self.by(way, key, message)
        except ActorStopped as stopped:
            if stopped.retryable:
                self.world.refused.append((key, message))
        except (ActorFailed, AskTimeout, MailboxFull, TooManyActors):
            pass
        except Exception as error:
            self.world.unexpected.append(error)

    async def by(self, way: str, key: str, message: Message) -> None:
        match way:
            case "ask":
                answer = await self.pool.ask(key, message, timeout=self.count % 3 * 5 or None)
                self.world.answered.append((key, message, answer))
                return
            case "tell":
                await self.pool.tell(key, message)
            case "try_ask":
                self.world.futures.append((await self.pool.get(key)).try_ask(message))
            case _:
                (await self.pool.get(key)).try_tell(message)
        if way != "try_ask":
            self.world.sent.append((key, message))


class Schedule:
    """Runs the steps of one example against a pool in a system of its own."""

    def __init__(self, steps: list[tuple[Any, ...]], seed: int) -> None:
        self.steps = steps
        self.seed = seed
        self.world = World()
        self.clock = ManualClock()
        self.stops: list[asyncio.Task[None]] = []

    async def run(self) -> World:
        rules = Supervision(max_restarts=3, window_seconds=20, backoff_seconds=1)
        system = ActorSystem(
            clock=self.clock,
            random=Random(self.seed),
            on_escalate=lambda name, error: self.world.escalated.add(name),
        )
        self.pool = ActorPool(
            system,
            lambda key: Subject(self.world, key),
            idle_seconds=15,
            limit=len(KEYS) - 1,
            mailbox=1,
            batch=2,
            supervision=rules,
        )
        self.senders = [Sender(index, self.pool, self.world) for index in range(SENDERS)]
        for key in KEYS:
            self.world.gates[key].set()
        for step in self.steps:
            await getattr(self, step[0])(*step[1:])
        await self.finish(system)
        return self.world

    async def finish(self, system: ActorSystem) -> None:
        for key in KEYS:
            self.world.gates[key].set()
        for _ in range(20):
            await self.flush()
            await self.advance(20.0)
        assert not any(sender.busy for sender in self.senders), "left waiting"
        with suppress(ExceptionGroup):
            await self.pool.close()
        with suppress(ExceptionGroup):
            await system.close()
        await self.clock.settle()
        for sender in self.senders:
            sender.task.cancel()
        await asyncio.gather(*self.stops, *self.world.futures, return_exceptions=True)

    async def send(self, way: str, sender: int, key: str, deed: str) -> None:
        self.senders[sender].send(way, key, deed)

    async def burst(self, way: str, key: str, deed: str) -> None:
        for sender in self.senders:
            sender.send(way, key, deed)

    async def cancel(self, sender: int) -> None:
        self.senders[sender].cancel()

    async def cancel_future(self, index: int) -> None:
        for future in self.world.futures[-1 - index :]:
            future.cancel()

    async def fail(self, key: str) -> None:
        if key in self.world.live:
            self.world.live[key].context.fail(OSError("from outside"))

    async def stop(self, key: str) -> None:
        ref = self.pool.peek(key)
        if ref is not None:
            self.stops.append(asyncio.create_task(ref.stop()))

    async def shut(self, key: str) -> None:
        self.world.gates[key].clear()

    async def open(self, key: str) -> None:
        self.world.gates[key].set()

    async def flush(self) -> None:
        for envelope in self.world.kept:
            envelope.reply(envelope.message)
        self.world.kept.clear()

    async def advance(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def step(self) -> None:
        await asyncio.sleep(0)


senders, keys = st.integers(0, SENDERS - 1), st.sampled_from([*KEYS, "a", "a"])
ways = st.sampled_from(["ask", "tell", "try_ask", "try_tell"])
deeds = st.sampled_from(["reply", "reply", "defer", "defer", "crash"])
sends = st.tuples(st.just("send"), ways, senders, keys, deeds)
bursts = st.tuples(st.just("burst"), ways, keys, deeds)
steps = st.one_of(
    sends,
    sends,
    bursts,
    st.tuples(st.just("cancel"), senders),
    st.tuples(st.just("cancel_future"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["fail", "stop", "stop", "shut", "shut", "open"]), keys),
    st.tuples(st.just("advance"), st.sampled_from([0.0, 1.0, 4.0, 20.0])),
    st.tuples(st.sampled_from(["flush", "step", "step"])),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(steps, max_size=40), st.integers(0, 2**16))
@example([("shut", "a"), *[("send", "tell", 0, "a", "reply")] * 5, ("step",), ("cancel", 0)], 0)
@example([("send", "ask", 0, "a", "defer"), ("advance", 4.0), ("fail", "a"), ("stop", "a")], 0)
def test_whatever_happens_messages_are_accounted_for(schedule: list[tuple[Any, ...]], seed: int):
    world = asyncio.run(Schedule(schedule, seed).run())
    for key, messages in world.taken.items():
        assert len(set(messages)) == len(messages), "taken twice"
        for sender in range(SENDERS):
            numbers = [message.number for message in messages if message.sender == sender]
            assert numbers == sorted(numbers), f"order of sender {sender} at {key}"
    for key, message in world.sent:
        assert message in world.taken[key] or key in world.escalated, "lost"
    for key, message in world.refused:
        assert message not in world.taken[key], "said not to be taken, but was"
    for key, message, answer in world.answered:
        assert answer is message
        assert message in world.taken[key]
    assert all(future.done() for future in world.futures)
    assert not world.unexpected
    assert not world.live, "never stopped"
