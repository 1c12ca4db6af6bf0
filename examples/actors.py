"""Counters as asyncio actors that keep their state: one process, no server.

Run it: `python examples/actors.py`. It prints

    ann has 3
    two hundred senders, one turn at a time: 200
    refused: no such word: 'jump'
    the actor failed (disk full) and came back
    ann still has 203
"""

from __future__ import annotations

import asyncio

from protobase_actors import Actor, ActorFailed, ActorPool, ActorSystem, Supervision

stored: dict[str, int] = {}  # stands for a file or a database


class Counter(Actor[str]):
    """Counts for one key. Loaded when it is needed, stored when nobody needs it."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.value = 0

    async def on_start(self) -> None:
        self.value = stored.get(self.key, 0)

    async def receive(self, message: str) -> object:
        match message:
            case "add":
                self.value += 1
                stored[self.key] = self.value
            case "get":
                pass
            case "break":
                self.context.fail(OSError("disk full"))
                await asyncio.Event().wait()
            case _:
                raise ValueError(f"no such word: {message!r}")
        return self.value


async def main() -> None:
    supervision = Supervision(max_restarts=3, backoff_seconds=0.01)
    async with (
        ActorSystem() as system,
        ActorPool(system, Counter, idle_seconds=60, supervision=supervision) as counters,
    ):
        ann = await counters.get("ann")
        for _ in range(3):
            await ann.tell("add")
        print("ann has", await ann.ask("get"))

        await asyncio.gather(*(ann.ask("add") for _ in range(200)))
        print("two hundred senders, one turn at a time:", stored["ann"] - 3)

        try:
            await ann.ask("jump")
        except ValueError as error:
            print("refused:", error)

        try:
            await ann.ask("break", timeout=5)
        except ActorFailed as failed:
            print(f"the actor failed ({failed.cause}) and came back")
        print("ann still has", await counters.ask("ann", "get"))


if __name__ == "__main__":
    asyncio.run(main())
