"""``protobase-live demo``: three linked nodes, people who work on one board, and what happens there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, NoReturn

from protobase_live.api import DatabaseApi
from protobase_live.cli.demo_nodes import DemoNodes
from protobase_live.cli.demo_peer import BOARD, DemoPeer, Task
from protobase_live.cli.demo_view import BoardView, LineView, View
from protobase_live.cli.loop import run, stop_requested
from protobase_live.client import connect

PEERS = {"ann": "green", "bob": "yellow", "cy": "magenta"}


def demo(storage: str, port: int, seconds: float | None) -> NoReturn:
    """Run until Ctrl-C, or for so many seconds, then end the process."""
    run(_demo(storage, port, seconds))


async def _demo(storage: str, port: int, seconds: float | None) -> None:
    stop = stop_requested()
    async with DemoNodes(storage, port) as nodes:
        view = BoardView(nodes) if sys.stdout.isatty() else LineView(nodes)
        peers = [_work(nodes.urls, name, color) for name, color in PEERS.items()]
        await _until([_show(nodes.urls, view), *peers, nodes.keep(view.tell), _wait(stop)], seconds)


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


async def _work(urls: Sequence[str], name: str, color: str) -> None:
    async with connect(urls, token=name) as database:
        board = await database.collection(BOARD, Task)
        async with board.presence({"name": name, "color": color}) as presence:
            await DemoPeer(name, board, presence, Random()).work()


async def _show(urls: Sequence[str], view: View) -> None:
    """What is seen at one of the nodes, and at another one when that is lost."""
    loop, telling = asyncio.get_running_loop(), set[asyncio.Task[None]]()

    def moved(why: str | None) -> None:
        if why is None:
            telling.add(task := loop.create_task(_tell_where(database, view)))
            task.add_done_callback(telling.discard)

    async with connect(urls, on_connection=moved) as database:
        board = await database.collection(BOARD)
        async with board.changes() as changes, board.presence() as presence:
            view.start(await board.items(), await board.text("notes").value())
            await _tell_where(database, view)
            try:
                async for change in changes:
                    view.show(change, presence.states.values())
            finally:
                view.stop()


async def _tell_where(database: DatabaseApi, view: View) -> None:
    view.tell(f"what you see is read at {(await database.cluster_status()).node}")
