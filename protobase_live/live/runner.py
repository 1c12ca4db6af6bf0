"""Queries that are run once: in steps, one query's after the other's, and within limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from protobase_live.errors import LimitExceeded, Overloaded, Unavailable
from protobase_live.live.limits import ViewLimits
from protobase_live.live.turnstile import Turnstile
from protobase_live.query.engine.effort import Budget
from protobase_live.query.engine.operator import BATCH_ROWS, Row
from protobase_live.query.engine.plan import Plan

STEPS_WITHOUT_PAUSE = 2
"""Steps that a query runs before it lets others run; a short one needs no copy of what it reads."""

TRIES = 5
"""How often a query waits for collections that are gone again before it can begin."""


class Runner:
    """Runs the queries of one database. They share a turnstile with whatever else takes long."""

    def __init__(self, limits: ViewLimits, turnstile: Turnstile) -> None:
        self._limits = limits
        self._turnstile = turnstile
        self._long_queries = 0
        self._steps = 0
        """Steps that the queries under way have made."""
        self._bytes = 0
        """Bytes of values that they have made."""

    async def run(
        self, plan_now: Callable[[], Plan | None], ready: Callable[[], Awaitable[object]]
    ) -> list[Row]:
        """The rows of the query that ``plan_now`` plans, without a pause before its first steps.

        While it gives None, ``ready`` is waited for. Raises LimitExceeded, Overloaded, Unavailable and what
        these raise.
        """
        for _ in range(TRIES):
            await ready()
            async with self._turnstile:
                plan = plan_now()
                if plan is None:
                    continue
                budget = Budget(self._limits.query_bytes, "query_bytes")
                steps = plan.steps(budget)
                rows, ended = _first_rows(steps)
                self._check_rows(rows)
                if ended:
                    return rows
                self._check_long_queries()
                plan.pin()
            return await self._finish(rows, steps, budget)
        raise Unavailable("what the query reads does not stay in memory; try again")

    async def _finish(self, rows: list[Row], steps: Iterator[list[Row]], budget: Budget) -> list[Row]:
        """All rows of a query that has begun, others' steps in between."""
        self._long_queries += 1
        made = counted = 0
        try:
            while True:
                async with self._turnstile:
                    batch = next(steps, None)
                self._bytes, counted = self._bytes + budget.used - counted, budget.used
                if batch is None:
                    return rows
                rows += batch
                made += 1
                self._steps += 1
                self._check_rows(rows)
                self._check_steps(made)
                self._check_bytes()
        finally:
            self._long_queries -= 1
            self._steps -= made
            self._bytes -= counted

    def _check_rows(self, rows: list[Row]) -> None:
        limit = self._limits.query_rows
        if len(rows) > limit:
            raise LimitExceeded(f"a query gives at most {limit} rows (query_rows): use limit and offset")

    def _check_long_queries(self) -> None:
        limit = self._limits.long_queries
        if self._long_queries >= limit:
            raise Overloaded(f"{limit} long queries run already (long_queries)")

    def _check_steps(self, made: int) -> None:
        if made > self._limits.query_steps:
            most = self._limits.query_steps * BATCH_ROWS
            raise LimitExceeded(f"a query looks at about {most} rows at most (query_steps): use where")
        if self._steps > self._limits.all_query_steps:
            most = self._limits.all_query_steps * BATCH_ROWS
            raise Overloaded(f"the queries under way look at about {most} rows already (all_query_steps)")

    def _check_bytes(self) -> None:
        limit = self._limits.all_query_bytes
        if self._bytes > limit:
            raise Overloaded(
                f"the queries under way join and collect {limit} bytes already (all_query_bytes)"
            )


def _first_rows(steps: Iterator[list[Row]]) -> tuple[list[Row], bool]:
    """The rows of the first steps, and whether those are all."""
    rows: list[Row] = []
    for _ in range(STEPS_WITHOUT_PAUSE):
        if (batch := next(steps, None)) is None:
            return rows, True
        rows += batch
    return rows, False
