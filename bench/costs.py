"""What a change or a look costs beside the size of its collection, and what stays of what has ended."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

from websockets.asyncio.client import connect as connect_yjs

from protobase_live import F, Query
from protobase_live.client.connecting import connect
from protobase_live.collection.limits import Limits
from protobase_live.database.database import Database
from protobase_live.live.live_rows import LiveRows
from protobase_live.live.views import ViewLimits
from protobase_live.model.operations import RECORDS, Read
from protobase_live.protocol.live.client_session import ClientSession
from protobase_live.protocol.live.codec import MsgpackCodec
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.query.result.diff import Diff, RowChange, inserts
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage

SIZES = (1_000, 10_000, 100_000)
BATCH = 2_000
TIMES = 1_000
PAGE = 30

Figures = dict[str, float]


async def costs() -> None:
    """Both tables."""
    found = [
        {**await collection(size), **await structures(size), **folding(size), **giving_up(size)}
        for size in SIZES
    ]
    print(f"{'':48}" + "".join(f"{size:>12,}" for size in SIZES))
    for name in found[0]:
        print(f"{name:48}" + "".join(f"{each[name]:>12,.1f}" for each in found))
    for work in (collections, resumes, live_queries, yjs_connections, live_connections):
        await leftovers(work)


async def collection(size: int) -> Figures:
    """One collection of so many records, whose changes somebody reads, and a set of as many elements."""
    async with Database(MemoryStorage(), limits=Limits(document_bytes=1 << 30)) as db:
        tasks, tags = await db.collection("tasks"), (await db.collection("tags")).set("tags")
        for start in range(0, size, BATCH):
            async with db.transaction() as tx:
                for n in range(start, min(size, start + BATCH)):
                    tx["tasks"].put({"owner": n % 97, "n": n, "title": f"task {n}"}, key=f"k{n:07}")
            await tags.add(*range(start, min(size, start + BATCH)))
        await tasks.delete("k0000000")  # the first one finds that much came since anything was let go of
        changes = tasks.changes()
        await changes.__aenter__()
        cursor = changes.cursor
        await tasks.update("k0000001", n=-1)
        page = Query("tasks").where(F._key > f"k{size // 2:07}").order_by("_key").limit(PAGE)
        await db.query(page)
        keys = Read(RECORDS, "keys", (f"k{size // 2:07}", PAGE))
        await db.read("tasks", keys)
        await tags.contains(0)

        async def resume(n: int) -> None:
            async with tasks.changes(since=cursor) as missed:
                await anext(missed)

        works: dict[str, tuple[int, Callable[[int], Awaitable[Any]]]] = {
            "resume one commit behind": (100, resume),
            "page of 30 keys": (200, lambda n: db.read("tasks", keys)),
            "page of 30 rows by _key": (100, lambda n: db.query(page)),
            "update": (100, lambda n: tasks.update("k0000002", n=n)),
            "delete": (200, lambda n: tasks.delete(f"k{n + 5:07}")),
            "set: contains": (100, lambda n: tags.contains(n)),
            "set: remove": (100, lambda n: tags.remove(n)),
        }
        figures = {f"{name}, us": await each(times, work) for name, (times, work) in works.items()}
        await changes.__aexit__(None, None, None)
        return figures


async def structures(size: int) -> Figures:
    """Structures of so many entries, of which one changes while somebody reads a stream of changes."""
    async with Database(MemoryStorage(), limits=Limits(document_bytes=1 << 30)) as db:
        room = await db.collection("room")
        entries, items = room.dict("entries"), room.list("items")
        elements, counts = room.set("elements"), room.counted_set("counts")
        for start in range(0, size, BATCH):
            batch = range(start, min(size, start + BATCH))
            await entries.update({f"k{n}": n for n in batch})
            await items.extend(list(batch))
            await elements.add(*batch)
            async with db.transaction() as tx:
                for n in batch:
                    tx["room"].counted_set("counts").add(n)
        async with room.changes():
            works: dict[str, Callable[[int], Awaitable[Any]]] = {
                "dict: set": lambda n: entries.set("k5", -n),
                "list: append": lambda n: items.append(n),
                "set: add": lambda n: elements.add(-n - 1),
                "counted set: add": lambda n: counts.add(5),
            }
            return {f"told to a stream, {name}, us": await each(20, work) for name, work in works.items()}


async def each(times: int, work: Callable[[int], Awaitable[Any]]) -> float:
    """The median CPU time of one, in microseconds, client and server together."""
    found: list[float] = []
    gc.collect()
    gc.freeze()
    for n in range(times):
        start = process_time()
        await work(n)
        found.append(process_time() - start)
    gc.unfreeze()
    return median(found) * 1e6


def folding(size: int) -> Figures:
    """A reader comes back to rows of which each has changed."""
    rows = LiveRows(lambda row: row)
    rows.hear(Diff(inserts([{"n": n} for n in range(size)]), True, "1"))
    rows.forget()
    rows.hear(Diff((RowChange("update", 0, {"n": -1}),), False, "2"))
    rows.hear(Diff(tuple(RowChange("update", n, {"n": n + 1}) for n in range(size)), False, "3"))
    start = process_time()
    rows.take()
    return {"unseen rows folded, us a row": (process_time() - start) / size * 1e6}


def giving_up(size: int) -> Figures:
    """Calls that wait are given up."""
    session = ClientSession(MsgpackCodec(), credit=10, max_calls=size)
    calls = [session.read("tasks", Read(RECORDS, "count")) for _ in range(size)]
    start = process_time()
    for call in calls[:500]:
        session.abandon(call)
    return {"a waiting call given up, us": (process_time() - start) / 500 * 1e6}


# What stays


async def leftovers(work: Callable[[Database, Server, Sequence[int]], Awaitable[None]]) -> None:
    """The memory of this process before, after a thousand, and after two thousand more."""
    limits = Limits(idle_seconds=0.05)
    views = ViewLimits(linger_seconds=0.05)
    async with (
        Database(MemoryStorage(), limits=limits, view_limits=views) as db,
        Server(db, port=0) as server,
    ):
        tasks = await db.collection("tasks")
        for n in range(100):
            await tasks.put({"n": n, "text": "x" * 100}, key=f"k{n}")
        sizes: list[float] = []
        for first in range(0, 3 * TIMES, TIMES):
            await work(db, server, range(first, first + TIMES))
            await asyncio.sleep(0.3)
            gc.collect()
            sizes.append(rss())
        told = work.__name__.replace("_", " ")
        print(f"RSS after 1,000, 2,000 and 3,000 {told}, MiB:", *(f"{size:.1f}" for size in sizes))


def rss() -> float:
    """MiB of memory that this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if sys.platform == "linux" else 0
    return pages * 4_096 / 2**20


async def collections(db: Database, server: Server, numbers: Sequence[int]) -> None:
    for n in numbers:
        await (await db.collection(f"c{n % 50}")).put({"n": n, "text": "x" * 1_000}, key="k")
        if n % 50 == 49:
            while len(db.actor_stats()) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def resumes(db: Database, server: Server, numbers: Sequence[int]) -> None:
    tasks = await db.collection("tasks")
    for n in numbers:
        async with tasks.changes() as changes:
            cursor = changes.cursor
        await tasks.update("k1", n=n)
        async with tasks.changes(since=cursor) as changes:
            await anext(changes)


async def live_queries(db: Database, server: Server, numbers: Sequence[int]) -> None:
    for n in numbers:
        async with db.live(Query("tasks").where(F.n == n)):
            pass


async def yjs_connections(db: Database, server: Server, numbers: Sequence[int]) -> None:
    for _ in numbers:
        async with connect_yjs(f"ws://127.0.0.1:{server.port}/yjs/tasks") as client:
            await client.send(yjs.encode_step1(b"\x00"))
            await client.recv()


async def live_connections(db: Database, server: Server, numbers: Sequence[int]) -> None:
    for _ in numbers:
        async with connect(f"ws://127.0.0.1:{server.port}/live") as remote:
            tasks = await remote.collection("tasks")
            async with tasks.changes(), tasks.presence({"at": 1}):
                await tasks.count()


if __name__ == "__main__":
    asyncio.run(costs())
