"""What rules for rows and fields add to a query, a live update, a change and a write: CPU, pure functions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import process_time
from typing import Any

from protobase_live import F, Query
from protobase_live.model.change import Change
from protobase_live.model.operations import RECORDS, Op
from protobase_live.permissions.grant import EVERYTHING, Grant, ReadScope, WriteScope
from protobase_live.permissions.narrowing import narrow
from protobase_live.permissions.permits import permit_of
from protobase_live.permissions.sight import Sight
from protobase_live.protocol.steps import at_once
from protobase_live.query.engine.plan import plan_fetch, plan_push
from protobase_live.query.engine.table import Table

ROWS = 10_000
MINE = F.owner == "o1"
SIGHTS = {
    "no rule": Sight([ReadScope()]),
    "rows": Sight([ReadScope(rows=MINE)]),
    "fields": Sight([ReadScope(fields=frozenset({"owner", "title", "n"}))]),
    "both": Sight([ReadScope(rows=MINE, fields=frozenset({"owner", "title", "n"}))]),
    "two rules": Sight([ReadScope(rows=MINE), ReadScope(fields=frozenset({"title", "n"}))]),
}
QUERIES = {
    "where, order, limit": Query("tasks").where(F.n > 10).order_by("-n").limit(10),
    "group": Query("tasks").group_by("owner"),
}


def row(n: int) -> dict[str, Any]:
    return {"owner": f"o{n % 10}", "title": f"title {n}", "n": n, "secret": "x", "more": "y"}


def cpu(work: Callable[[], object], times: int = 15, each: int = 1) -> float:
    """The median of the CPU time of one call, in microseconds."""
    found: list[float] = []
    for _ in range(times):
        begin = process_time()
        for _ in range(each):
            work()
        found.append((process_time() - begin) / each * 1e6)
    return median(found)


async def row_rules() -> None:
    """Print a table."""
    rows = {f"k{n:05}": row(n) for n in range(ROWS)}
    tables = {"tasks": Table("tasks", rows)}
    change = Change("tasks", "records", "update", "k", row(1), row(11), "c")
    for said, sight in SIGHTS.items():
        seen = {"tasks": sight}.__getitem__
        for name, query in QUERIES.items():
            narrowed = narrow(query, seen)
            once = cpu(lambda query=narrowed: [*plan_fetch(query, tables).steps()])
            making = cpu(lambda query=query, seen=seen: narrow(query, seen), each=200)
            tree = plan_push(narrowed)
            tree.push({"tasks": [(key, None, {**each, "_key": key}) for key, each in rows.items()]})
            old, new = ({**row(1), "title": each, "_key": "k00001"} for each in ("title 1", "other"))
            turns = [{"tasks": [("k00001", old, new)]}, {"tasks": [("k00001", new, old)]}]
            pushed = cpu(lambda tree=tree, turns=turns: [tree.push(each) for each in turns], each=200) / 2
            print(f"{said:10} {name:20} narrow {making:6.1f}  run {once:8.0f}  push {pushed:6.1f} us")
        print(f"{said:10} change {cpu(lambda sight=sight: sight.change(change), each=2000):6.2f} us")
    grant = Grant((ReadScope(rows=MINE),), (WriteScope(old=MINE, new=MINE),))
    permit, ops = permit_of(grant), [Op(RECORDS, "update", ("k00001", {"title": "x"}, {}))]
    assert permit is not None
    judge = partial(permit.judge_in_steps, ops, rows, lambda target: {})
    print(f"judging one update {cpu(lambda: at_once(judge()), each=500):6.1f} us")
    print(f"a permit of who may do everything {cpu(lambda: permit_of(EVERYTHING), each=2000):6.2f} us")
