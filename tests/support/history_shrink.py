"""Makes a history that fails smaller, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from tests.support.history_plan import History, smaller
from tests.support.history_run import Failures, Runner

ROUNDS = 25
"""Most batches that are tried."""

COPIES = 10
"""How often a history is run to see whether it fails."""

CANDIDATES = 40
"""Histories of a batch."""


async def shrink(
    runner: Runner, failing: History, problem: str, server: Sequence[str]
) -> tuple[History, str]:
    """The smallest history that was found to fail, and what is wrong with it."""
    tried = set[str]()
    for _ in range(ROUNDS):
        candidates = list(islice((h for h in smaller(failing) if str(h) not in tried), CANDIDATES))
        if not candidates:
            break
        tried.update(map(str, candidates))
        named = {f"c{at}": replace(h, name=f"c{at}") for at, h in enumerate(candidates)}
        failures = await runner.run(list(named.values()), server)
        if failures:
            least = min(failures, key=lambda name: (len(named[name].steps), named[name].clients))
            failing, problem = replace(named[least], name=failing.name), failures[least]
    return failing, problem


def copies(history: History) -> list[History]:
    """The same history many times: what a server puts into one turn is a matter of time."""
    return [replace(history, name=f"{history.name}-copy{at}") for at in range(COPIES)]


async def alone(
    runner: Runner, histories: Sequence[History], failures: Failures, server: Sequence[str]
) -> tuple[History, str] | None:
    """The first history that fails without the others; None when they fail only among them."""
    for history in histories:
        if history.name in failures and (found := await runner.run(copies(history), server)):
            return history, next(iter(found.values()))
    return None
