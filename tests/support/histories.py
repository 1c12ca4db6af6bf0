"""Random histories of Yjs clients, batch by batch until one fails, which is then made small.

::

    python -m tests.support.histories --count 1000 --seed 7        # other histories than those of `make test`
    python -m tests.support.histories --without gaps,lost,halves   # or HISTORIES_WITHOUT=gaps,lost,halves
    python -m tests.support.histories --only halves,undo
    python -m tests.support.histories --replay '{"name": ...}'     # what a failure has printed
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.history_plan import FEATURES, History, history
from tests.support.history_run import SERVERS, Failures, Runner
from tests.support.history_shrink import alone, copies, shrink

BATCH = 100
"""Histories that meet one server."""

MAX_LINE = 500
MAX_LINES = 10
"""How much is printed of what is wrong."""


class HistoryFailed(AssertionError):
    """A history, and where what it leaves is not the same."""


async def check_histories(folder: Path, seed: int, count: int, features: Sequence[str]) -> None:
    """Run histories. Raises HistoryFailed for the first batch with one that fails."""
    async with Runner(folder) as runner:
        for start in range(0, count, BATCH):
            server = SERVERS[start // BATCH % len(SERVERS)]
            numbers = range(start, min(start + BATCH, count))
            batch = [history(f"{seed}-{number}", tuple(features)) for number in numbers]
            if failures := await runner.run(batch, server):
                raise HistoryFailed(await _told(runner, batch, failures, server))


async def replay(folder: Path, given: History) -> None:
    """Run copies of a history against each kind of server. Raises HistoryFailed for the first to fail."""
    async with Runner(folder) as runner:
        for server in SERVERS:
            for problem in (await runner.run(copies(given), server)).values():
                raise HistoryFailed(f"with {' '.join(server)}: {problem}")


def features_without(names: str) -> tuple[str, ...]:
    """All features but those named, with commas between them."""
    left_out = set(filter(None, names.split(",")))
    assert left_out <= {*FEATURES}, f"{names!r}: features are {', '.join(FEATURES)}"
    return tuple(feature for feature in FEATURES if feature not in left_out)


async def _told(runner: Runner, batch: list[History], failures: Failures, server: Sequence[str]) -> str:
    lines = [f"{name}: {problem}"[:MAX_LINE] for name, problem in failures.items()]
    lines[MAX_LINES:] = [f"and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
    found = await alone(runner, batch, failures, server)
    if found is None:
        return "\n".join(["these fail only among the others of their batch:", *lines])
    least, problem = await shrink(runner, *found, server)
    lines += ["", f"the smallest that was found, with {' '.join(server)}: {problem}"]
    return "\n".join([*lines, f"python -m tests.support.histories --replay '{least}'"])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument(
        "--without", default=os.environ.get("HISTORIES_WITHOUT", ""), help="features, comma between"
    )
    parser.add_argument("--only", help="these features only")
    parser.add_argument("--replay", help="a history as JSON")
    given = parser.parse_args()
    features = tuple(given.only.split(",")) if given.only is not None else features_without(given.without)
    with TemporaryDirectory() as folder:
        if given.replay:
            running = replay(Path(folder), History.parse(given.replay))
        else:
            running = check_histories(Path(folder), given.seed, given.count, features)
        try:
            asyncio.run(running)
        except HistoryFailed as failed:
            sys.exit(str(failed))
    print("all equal")


if __name__ == "__main__":
    main()
