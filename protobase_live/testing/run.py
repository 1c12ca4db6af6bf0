"""Running a scenario on virtual time, as a function of its seed."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import Any

import detangle
import websockets.asyncio.server as websockets

from protobase_actors import OrderedSet
from protobase_live.errors import StorageFailed
from protobase_live.testing.world import World
from protobase_storage import StorageError

MAX_STEPS = 2_000_000
"""Steps of tasks and callbacks after which a run has failed."""

MAX_SECONDS = 3_600.0
"""Virtual seconds after which a run has failed."""

_LATE_IMPORTS = (
    "protobase_live.client.http_transport",
    "protobase_live.live.views",
    "protobase_live.query.engine.plan",
    "protobase_live.query.language.text.query_parser",
    "protobase_live.server.http_connection",
)
"""What is imported when it is first used; were that in a run, the first one in a process would differ."""

Scenario = Callable[[World], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run."""

    seed: int
    failure: BaseException | None
    """What it failed on."""
    trace: int
    """A hash of the order in which everything has run: the same for the same seed and code."""
    seconds: float
    """How long it took, in virtual seconds."""
    happened: Counter[str]
    """See `World.happened`."""


def simulate(scenario: Scenario, seed: int) -> Run:
    """Run a scenario. Nothing is drawn but from the seed, and no real time passes."""
    for module in _LATE_IMPORTS:
        import_module(module)
    world = World(seed)
    config = detangle.SimConfig(
        max_steps=MAX_STEPS,
        max_time=MAX_SECONDS,
        patch_time=True,
        net=detangle.NetConfig(fragment=0.1, tcp_timeout=5.0),
    )
    with _no_entropy(world.random("entropy")), _in_order(), _no_collector():
        result = detangle.execute(_run, (scenario, world), config=config, strategy=detangle.RandomWalk(seed))
    failure = result.failure
    error = None if failure is None else failure.exception or AssertionError(failure.headline())
    return Run(seed, error, result.order_hash, result.virtual_time, world.happened)


async def _run(scenario: Scenario, world: World) -> None:
    """Run it, and fail on a mistake that is only told to the event loop."""
    mistakes: list[BaseException] = []

    def hear(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, StorageError | StorageFailed):  # which fail an actor, as they should
            mistakes.append(error or AssertionError(context["message"]))

    asyncio.get_running_loop().set_exception_handler(hear)
    await scenario(world)
    if mistakes:
        raise mistakes[0]


@contextmanager
def _no_entropy(drawn: Random) -> Generator[None]:
    """Have libraries draw from a seed what they take from the system: `websockets` makes masks of it."""
    real = os.urandom
    os.urandom = random._urandom = drawn.randbytes  # type: ignore[attr-defined]
    try:
        yield
    finally:
        os.urandom = random._urandom = real  # type: ignore[attr-defined]


@contextmanager
def _no_collector() -> Generator[None]:
    """Have nothing be let go of at a moment that depends on what the process did before.

    What a crash has left behind may be generators, whose end is a step of the event loop.
    """
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _in_order() -> Generator[None]:
    """Have libraries go through what they keep in sets in the order in which it came, and not by addresses.

    A group cancels its tasks; a server of `websockets` closes its connections.
    """
    with _ordered(asyncio.TaskGroup, "_tasks"), _ordered(websockets.Server, "all_connections"):
        yield


@contextmanager
def _ordered(owner: type, attribute: str) -> Generator[None]:
    """Have each instance keep an `OrderedSet` where it keeps a set."""
    real = owner.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        real(self, *args, **options)
        if type(getattr(self, attribute)) is set:
            setattr(self, attribute, OrderedSet[Any]())

    owner.__init__ = init  # type: ignore[method-assign]
    try:
        yield
    finally:
        owner.__init__ = real  # type: ignore[method-assign]
