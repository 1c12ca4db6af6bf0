"""python -m bench: what the parts cost. See README.md."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable
from time import perf_counter

from pycrdt import Doc, Text

from bench.catching_up import catching_up
from bench.costs import costs
from bench.crowd import crowd
from bench.judging import judging
from bench.presence import presence
from bench.queries import queries
from bench.replication import replication
from bench.row_rules import row_rules
from bench.stalled import stalled
from bench.stream import stream
from bench.stream_pause import stream_pause
from bench.stream_size import stream_size
from bench.workers import workers
from protobase_actors import Actor, ActorSystem
from protobase_live import Server, connect
from protobase_live.collection.messages import Greet, Question, Updates
from protobase_live.database.database import Database
from protobase_live.model.operations import RECORDS, Read
from protobase_live.protocol.yjs.structs import Structs
from protobase_storage import Commit
from protobase_storage.file import FileStorage

KEYSTROKES = 20_000


def typing(count: int) -> list[bytes]:
    """The updates of somebody who types at the end of a text."""
    doc: Doc = Doc()
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("text", type=Text)
    for n in range(count):
        text.insert(n, chr(97 + n % 26))
    doc.unobserve(subscription)
    return updates


def report(what: str, count: int, seconds: float) -> None:
    print(f"  {what:<48}{count / seconds:>12,.0f} /s {1e6 * seconds / count:>10.2f} us")


class Silent(Actor[int]):
    async def turn(self, batch) -> None:
        for envelope in batch:
            envelope.reply(None)


async def actors() -> None:
    async with ActorSystem() as system:
        ref = await system.spawn(Silent, name="silent", mailbox=1_024, batch=1_024)
        start = perf_counter()
        for n in range(500_000):
            if n % 500 == 0:
                await asyncio.sleep(0)
            ref.try_tell(n)
        await ref.ask(0)
        report("messages told", 500_000, perf_counter() - start)
        start = perf_counter()
        for n in range(20_000):
            await ref.ask(n)
        report("asks one after the other", 20_000, perf_counter() - start)


async def storage() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = await FileStorage.open(folder)
        sequence = 0

        def append() -> asyncio.Future[None]:
            nonlocal sequence
            sequence += 1
            return files.append([Commit(files.identity, sequence, "c", b"x" * 100, (), 0.0)])

        start = perf_counter()
        for _ in range(1_000):
            await append()
        report("durable commits, one at a time", 1_000, perf_counter() - start)
        start = perf_counter()
        for _ in range(80):
            await asyncio.gather(*(append() for _ in range(250)))
        report("durable commits, 250 waiting together", 20_000, perf_counter() - start)
        await files.close()


async def codec() -> None:
    updates = typing(KEYSTROKES)
    start = perf_counter()
    structs = Structs()
    for update in updates:
        structs.take(update)
    structs.settle()
    report("keystrokes taken", KEYSTROKES, perf_counter() - start)


class Nobody:
    author = None
    judge = None

    def greet(self, state: bytes) -> None: ...


async def collection() -> None:
    for size in (1, 10, 50):
        updates = typing(KEYSTROKES)
        with tempfile.TemporaryDirectory() as folder:
            files = await FileStorage.open(folder)
            async with Database(files) as database:
                ref = await database.ref("c")
                client = Nobody()
                start = perf_counter()
                for n in range(0, KEYSTROKES, size):
                    part = updates[n : n + size]
                    await ref.tell(Updates(client, part))
                await ref.ask(Question(Read(RECORDS, "count")))
                report(f"keystrokes made durable, {size} a message", KEYSTROKES, perf_counter() - start)
                await ref.tell(Greet(client))


async def client() -> None:
    with tempfile.TemporaryDirectory() as folder:
        files = await FileStorage.open(folder)
        async with (
            Database(files) as database,
            Server(database, port=0) as server,
            connect(f"ws://127.0.0.1:{server.port}/live") as remote,
        ):
            tasks = await remote.collection("tasks")
            start = perf_counter()
            for first in range(0, 2_000, 100):
                await asyncio.gather(*(tasks.insert({"n": n}) for n in range(first, first + 100)))
            report("remote inserts, 100 waiting together", 2_000, perf_counter() - start)
            await tasks.insert({"n": 0}, key="t")
            start = perf_counter()
            for _ in range(2_000):
                await tasks.get("t")
            report("remote reads, one at a time", 2_000, perf_counter() - start)


PARTS: dict[str, Callable[[], Awaitable[None]]] = {
    part.__name__: part
    for part in (
        actors,
        storage,
        codec,
        collection,
        client,
        presence,
        queries,
        costs,
        replication,
        row_rules,
        judging,
        catching_up,
        crowd,
        stalled,
        stream,
        stream_pause,
        stream_size,
        workers,
    )
}


async def main(chosen: list[str]) -> None:
    for name in chosen or list(PARTS):
        print(name)
        await PARTS[name]()


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in PARTS]
    if unknown:
        sys.exit(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    asyncio.run(main(sys.argv[1:]))
