"""``protobase-live demo``: a server, three peers that work on one board, and what happens there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Any, NoReturn

from protobase_live.cli.demo_peer import BOARD, DemoPeer, Task
from protobase_live.cli.demo_view import BoardView, LineView, View
from protobase_live.cli.loop import run, stop_requested
from protobase_live.cli.serve import listening
from protobase_live.client import connect
from protobase_live.database.database import Database
from protobase_live.database.opening import open as open_database
from protobase_live.errors import Unavailable
from protobase_live.server.server import Server

HOST = "127.0.0.1"
PORTS = 20
"""How many ports are tried before the demo gives up."""

PEERS = {"ann": "green", "bob": "yellow", "cy": "magenta"}


def demo(storage: str, port: int, seconds: float | None) -> NoReturn:
    """Run until Ctrl-C, or for so many seconds, then end the process."""
    run(_demo(storage, port, seconds))


async def _demo(storage: str, port: int, seconds: float | None) -> None:
    stop = stop_requested()
    async with open_database(storage) as database, _server(database, port) as server:
        url = f"ws://{HOST}:{server.port}"
        view = BoardView(url) if sys.stdout.isatty() else LineView(url)
        peers = [_work(url, name, color) for name, color in PEERS.items()]
        await _until([_show(database, view), *peers, _wait(stop)], seconds)


async def _until(work: Sequence[Coroutine[Any, Any, None]], seconds: float | None) -> None:
    """Do all of it until one thing is over or the time is, then stop the rest. Raises what failed."""
    tasks = [asyncio.ensure_future(each) for each in work]
    done, others = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


@asynccontextmanager
async def _server(database: Database, port: int) -> AsyncGenerator[Server]:
    """A server on ``port`` or the next one that is free; a peer's token is its name."""
    async with AsyncExitStack() as stack:
        for candidate in range(port, port + PORTS):
            try:
                server = await stack.enter_async_context(
                    listening(database, HOST, candidate, authenticate=lambda token: token)
                )
            except Unavailable:
                if candidate == port + PORTS - 1:
                    raise
            else:
                yield server
                return


async def _work(url: str, name: str, color: str) -> None:
    async with connect(f"{url}/live", token=name) as database:
        board = await database.collection(BOARD, Task)
        async with board.presence({"name": name, "color": color}) as presence:
            await DemoPeer(name, board, presence, Random()).work()


async def _show(database: Database, view: View) -> None:
    board = await database.collection(BOARD)
    async with board.changes() as changes, board.presence() as presence:
        view.start(await board.items(), await board.text("notes").value())
        try:
            async for change in changes:
                view.show(change, presence.states.values())
        finally:
            view.stop()
