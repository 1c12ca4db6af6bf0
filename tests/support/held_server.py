"""``protobase-live serve`` with a disk that takes no commit: what is applied here is never durable.

Run as ``python -m tests.support.held_server --storage URL --listen HOST:PORT``; it prints ``held`` when it is
given the first commit to store.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from protobase_live.cli.serve import address, options
from protobase_live.cli.settings import settings
from protobase_live.database.opening import open as open_database
from protobase_live.server.server import Server
from protobase_storage import Commit

HELD_SERVE = (sys.executable, "-m", __name__ if __name__ != "__main__" else "tests.support.held_server")
"""The command, as `ServerProcess` takes it."""


async def main() -> None:
    """Serve until the process is killed."""
    chosen = options(sys.argv[1:])
    assert chosen is not None, "--storage URL --listen HOST:PORT"
    how = settings(chosen, {})
    database = await open_database(how.storage)

    def append(commits: Sequence[Commit]) -> asyncio.Future[None]:
        print("held", flush=True)
        return asyncio.get_running_loop().create_future()

    database.storage.append = append
    async with Server(database, *address(how.listen)) as server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
