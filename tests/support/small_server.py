"""``protobase-live serve`` with limits so small that collections are folded and unloaded all the time.

Run as ``python -m tests.support.small_server --storage URL --listen HOST:PORT``.
"""

from __future__ import annotations

import asyncio
import sys

from protobase_live.cli.serve import address, options
from protobase_live.cli.settings import settings
from protobase_live.collection.limits import Limits
from protobase_live.database.opening import open as open_database
from protobase_live.server.server import Server

SMALL_SERVE = (sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.support.small_server")
"""The command, as `ServerProcess` takes it."""

SMALL = Limits(log_commits=5, retained_commits=2, idle_seconds=0.02, feed_changes=4)
"""A fold every few commits, and a load whenever somebody returns."""


async def main() -> None:
    """Serve until the process is ended."""
    chosen = options(sys.argv[1:])
    assert chosen is not None, "--storage URL --listen HOST:PORT"
    how = settings(chosen, {})
    async with (
        open_database(how.storage, limits=SMALL) as database,
        Server(database, *address(how.listen)) as server,
    ):
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
