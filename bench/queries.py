"""What queries cost: run once, kept up, and beside each other. Ratios are within one run."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import tempfile
from collections.abc import Callable
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

import protobase_live as pb
from protobase_live import F, Query
from protobase_live.live.view import View
from protobase_live.live.view_cursor import Step
from protobase_live.live.views import FILL_ROWS
from protobase_live.query.engine.operator import RecordChange, Row
from protobase_live.query.engine.plan import plan_fetch, plan_push
from protobase_live.query.engine.table import Table

SIZES = tuple(int(size) for size in os.environ.get("BENCH_SIZES", "10000,100000").split(","))
"""Collection sizes; BENCH_SIZES=10000,100000,1000000 takes a few minutes and some gigabytes."""

OWNERS = 1_000
EDITS = 2_000

TOP = Query("tasks").where(~F.done & (F.priority >= 3)).order_by("-created").limit(10)

OPERATORS: dict[str, Query] = {
    "where": Query("tasks").where(~F.done & (F.priority >= 3)),
    "select": Query("tasks").select("title", twice=F.priority * 2),
    "order_by": Query("tasks").order_by("-priority", "created"),
    "order_by, limit": Query("tasks").order_by("-created").limit(10),
    "distinct": Query("tasks").select("owner").distinct(),
    "group_by": Query("tasks").group_by(
        "owner", n=pb.count(), total=pb.sum("priority"), top=pb.max("created")
    ),
    "join": Query("tasks").join("users", on={"owner": "_key"}, as_="user"),
    "left join": Query("tasks").join("users", on={"owner": "_key"}, as_="user", how="left"),
    "union": Query("tasks").where(F.done).union(Query("tasks").where(F.priority == 9)),
    "unnest": Query("tasks").unnest("tags"),
    "traverse": Query("tasks").where(F.created < 50).traverse("parent", 3, reverse=True),
    "count": Query("tasks").where(~F.done).count(),
    "filter, join, group, sort": Query("tasks")
    .where(~F.done)
    .join("users", on={"owner": "_key"}, as_="user")
    .group_by(country=F.user.country, revenue=pb.sum("priority"), n=pb.count())
    .order_by("-revenue")
    .limit(10),
}


def task(random: Random, n: int) -> Row:
    """A record as a collection keeps it."""
    return {
        "title": f"task {n}",
        "owner": f"u{random.randrange(OWNERS)}",
        "done": random.random() < 0.5,
        "priority": random.randrange(10),
        "created": n,
        "parent": f"t{n // 10}" if n else None,
        "tags": random.sample(["a", "b", "c", "d"], 2),
    }


def tasks(count: int) -> dict[str, Row]:
    """So many records by key."""
    random = Random(1)
    return {f"t{n}": task(random, n) for n in range(count)}


def users() -> dict[str, Row]:
    """Who owns the tasks."""
    return {f"u{n}": {"name": f"user {n}", "country": f"c{n % 40}"} for n in range(OWNERS)}


def line(what: str, seconds: float, beside: str = "") -> None:
    """One measured figure."""
    print(f"  {what:<58}{1e6 * seconds:>14,.1f} us  {beside}")


def timed(work: Callable[[], Any], times: int) -> float:
    """The median of the seconds that ``work`` takes."""
    found: list[float] = []
    for _ in range(times):
        start = perf_counter()
        work()
        found.append(perf_counter() - start)
    return median(found)


def rows_of(query: Query, tables: dict[str, Table]) -> list[Row]:
    """The answer, all at once."""
    return [row for batch in plan_fetch(query, tables).steps() for row in batch]


async def initial() -> None:
    """Filter, sort and limit over the largest size but one million."""
    count = min(max(SIZES), 100_000)
    table = Table("tasks", tasks(count))
    rows = list(table.rows.values())
    gc.collect()
    gc.freeze()

    def plain() -> list[Row]:
        found = [row for row in rows if not row["done"] and row["priority"] >= 3]
        found.sort(key=lambda row: row["created"], reverse=True)
        return found[:10]

    assert rows_of(TOP, {"tasks": table}) == plain()
    loop = timed(plain, 7)
    line(f"plain loop over {count:,} dicts, sort, slice", loop)
    scan = timed(lambda: rows_of(TOP, {"tasks": table}), 7)
    line("the query, by a scan", scan, f"{scan / loop:.2f} of the plain loop")
    everything = TOP.where(True)
    for paths in ((("created",),), (("done",), ("created",))):
        table.declare(paths)
        start = perf_counter()
        for _ in table.building():
            pass
        built = perf_counter() - start
        assert rows_of(everything, {"tasks": table}) == plain()
        looked = timed(lambda: rows_of(TOP, {"tasks": table}), 201)
        name = ", ".join(".".join(path) for path in paths)
        line(
            f"through an index on {name}",
            looked,
            f"{scan / looked:,.0f} times faster; built in {built:.2f} s",
        )


def viewed(query: Query, tables: dict[str, Table]) -> View:
    """A view of the tables."""
    view = View(
        query, plan_push(query), lambda: {name: {"n": 1} for name in tables}, retained=256, max_rows=10**7
    )
    for name in sorted(query.collections, key=lambda each: len(tables[each].rows)):
        changes: list[RecordChange] = [(key, None, row) for key, row in tables[name].rows.items()]
        for start in range(0, len(changes), FILL_ROWS):
            view.fill({name: changes[start : start + FILL_ROWS]})
    view.open()
    return view


def edits(table: Table, random: Random, count: int) -> list[list[RecordChange]]:
    """Commits that change one record each."""
    numbers = [random.randrange(len(table.rows)) for _ in range(count)]
    return [table.apply([(f"t{n}", {**task(random, n), "created": n})]) for n in numbers]


async def maintenance() -> None:
    """One changed record, for each operator: kept up against run again."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in OPERATORS}
    for count in SIZES:
        for name, query in OPERATORS.items():
            tables = {"tasks": Table("tasks", tasks(count)), "users": Table("users", users())}
            view = viewed(query, tables)
            changes = iter(edits(tables["tasks"], Random(2), EDITS))
            gc.collect()
            gc.freeze()

            def change(view: View = view, changes: Any = changes) -> None:
                at = view.end
                view.show({"tasks": next(changes)}, {"tasks": Step({}, {"n": 1})})
                if view.end != at:
                    view.since(at)

            start = perf_counter()
            for _ in range(EDITS):
                change()
            kept = (perf_counter() - start) / EDITS
            again = timed(lambda q=query, t=tables: rows_of(q, t), 3)
            figures[name].append((kept, again))
            print(f"    {name}, {count:,}", file=sys.stderr)
            del view, changes, tables
            gc.unfreeze()
    for name, found in figures.items():
        for count, (kept, again) in zip(SIZES, found, strict=True):
            line(
                f"{name}, {count:,} records, one changed",
                kept,
                f"{again / kept:>8,.0f} times cheaper than again",
            )
        if len(found) > 1:
            print(f"    grows by {found[-1][0] / found[0][0]:.2f} from {SIZES[0]:,} to {SIZES[-1]:,}")


async def filters() -> None:
    """What a commit costs beside 1 and 10,000 live filters, of which it concerns one."""
    costs: list[float] = []
    for watchers in (1, 10_000):
        async with pb.open("memory:") as db:
            board = await db.collection("tasks")
            await board.index("owner")
            async with db.transaction() as tx:
                for n in range(10_000):
                    tx["tasks"].insert({"owner": f"u{n}", "n": 0}, key=f"t{n}")
            watched = [
                await db.views.watch(Query("tasks").where(F.owner == f"u{n}")) for n in range(watchers)
            ]
            for each in watched:
                await each.pull()
            gc.collect()
            gc.freeze()
            found: list[float] = []
            for n in range(1, 1_001):
                start = perf_counter()
                await board.update("t0", n=n)
                diff = await watched[0].pull()
                found.append(perf_counter() - start)
                assert diff.changes[0].row["n"] == n
            gc.unfreeze()
            costs.append(median(found))
            beside = f"{costs[-1] / costs[0]:.2f} of one" if watchers > 1 else ""
            line(f"commit and its difference, {watchers:,} live filters", costs[-1], beside)


async def records() -> None:
    """10,000 records in a file storage, through the API."""
    with tempfile.TemporaryDirectory() as folder:
        async with pb.open(f"file:{folder}") as db:
            board = await db.collection("tasks")
            await board.index("owner")
            random = Random(3)
            start = perf_counter()
            for first in range(0, 10_000, 500):
                async with db.transaction() as tx:
                    for n in range(first, first + 500):
                        tx["tasks"].insert(task(random, n), key=f"t{n}")
            line("insert, 500 a transaction, durable", (perf_counter() - start) / 10_000)
            start = perf_counter()
            await asyncio.gather(*(board.insert(task(random, n), key=f"x{n}") for n in range(500)))
            line("insert, 500 waiting together, durable", (perf_counter() - start) / 500)

            async def per(what: str, times: int, work: Callable[[int], Any]) -> None:
                found: list[float] = []
                for n in range(times):
                    start = perf_counter()
                    await work(n)
                    found.append(perf_counter() - start)
                line(what, median(found), f"{1 / median(found):,.0f}/s")

            await per("update of one record, durable", 500, lambda n: board.update(f"t{n}", priority=n))
            await per("point read", 2_000, lambda n: board.get(f"t{n}"))
            one = Query("tasks").where(F.created == pb.param("n"))
            await board.index("created")
            await per(
                "indexed equality, one record, value not asked before",
                1_000,
                lambda n: db.query(one, {"n": n}),
            )
            await per(
                "indexed equality, one record, value asked before", 1_000, lambda n: db.query(one, {"n": n})
            )
            same = Query("tasks").where(F.owner == "u7")
            found = len(await db.query(same))
            await per(f"indexed equality, {found} records, the same query", 1_000, lambda n: db.query(same))


async def queries() -> None:
    """All of it."""
    for part in (initial, maintenance, filters, records):
        print(f" {part.__name__}")
        await part()


if __name__ == "__main__":
    asyncio.run(queries())
