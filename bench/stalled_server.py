"""``protobase-live serve`` whose sockets have little room in the kernel, so that what is unread is its own.

Run as ``python -m bench.stalled_server --storage URL --listen HOST:PORT``.
"""

from __future__ import annotations

import asyncio
import socket
import sys

from protobase_live.cli.serve import address, options
from protobase_live.cli.settings import settings
from protobase_live.database.opening import open as open_database
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server

KERNEL_BYTES = 32 * 1024
LIMITS = ServerLimits(
    all_backlog_bytes=128 * 1024 * 1024,
    all_answer_bytes=32 * 1024 * 1024,
    ping_seconds=600.0,
    request_seconds=600.0,
)
"""All hold a quarter of the defaults at most, and less, so that a thousand clients meet the limits."""


async def main() -> None:
    """Serve until the process is ended."""
    chosen = options(sys.argv[1:])
    assert chosen is not None, "--storage URL --listen HOST:PORT"
    how = settings(chosen, {})
    async with (
        open_database(how.storage) as database,
        Server(database, *address(how.listen), limits=LIMITS) as server,
    ):
        assert server._server is not None
        for listening in server._server.sockets:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
