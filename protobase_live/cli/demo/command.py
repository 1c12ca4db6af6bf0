"""``protobase-live demo``: three linked nodes, a page to try them with, and what happens there."""

from __future__ import annotations

import asyncio
import os
import sys
import webbrowser
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from protobase_actors import Clock, SystemClock
from protobase_live.api import DatabaseApi
from protobase_live.cli.demo.data import BOARD, prepare
from protobase_live.cli.demo.director import Director
from protobase_live.cli.demo.events import Events
from protobase_live.cli.demo.links import Links
from protobase_live.cli.demo.node import HOST
from protobase_live.cli.demo.nodes import NAMES, DemoNodes
from protobase_live.cli.demo.pages import NOT_BUILT, DemoPage
from protobase_live.cli.demo.ports import ReservedPorts
from protobase_live.cli.demo.users import Users
from protobase_live.cli.demo.view import BoardView, LineView, View
from protobase_live.cli.demo.watch import Watch
from protobase_live.cli.loop import run, stop_requested
from protobase_live.client import connect
from protobase_live.server.http_port import HttpPort
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS

LIMITS = replace(DEFAULT_SERVER_LIMITS, http_connections=256, close_seconds=1.0)
"""Of the page's port."""


def demo(storage: str, port: int, seconds: float | None, users: int, open_page: bool) -> NoReturn:
    """Run until Ctrl-C, or for so many seconds, then end the process."""
    run(_demo(storage, port, seconds, users, open_page))


@dataclass(frozen=True, slots=True)
class _Demo:
    """What runs."""

    nodes: DemoNodes
    users: Users
    watch: Watch
    events: Events
    url: str
    """Of its page."""


async def _demo(storage: str, port: int, seconds: float | None, count: int, open_page: bool) -> None:
    stop, clock = stop_requested(), SystemClock()
    async with AsyncExitStack() as stack:
        demo = await _begin(stack, storage, port, clock)
        await demo.users.become(count)
        view = await _view(demo, open_page)
        keep = demo.nodes.keep(view.tell, lambda: len(demo.events) > 0, clock)
        look = demo.watch.run(), demo.events.run(demo.watch.state)
        await _until([_show(demo.nodes.urls, view), keep, *look, _wait(stop)], seconds)


async def _begin(stack: AsyncExitStack, storage: str, port: int, clock: Clock) -> _Demo:
    """Start all of it; it ends with ``stack``. Raises Unavailable."""
    # For as long as the demo runs: a node that is down comes back where the others look for it.
    *ports, page_port = stack.enter_context(ReservedPorts(port, len(NAMES) + 1)).numbers
    by_name, events = dict(zip(NAMES, ports, strict=True)), Events(clock)
    links = await stack.enter_async_context(Links(by_name))
    nodes = DemoNodes(storage, by_name, links, events.tell_commit, events.change)
    users = Users(nodes.urls, events.change, clock)
    watch = Watch(nodes, links, users, clock)
    director = Director(nodes, links, users, watch, events, DemoPage())
    page = await stack.enter_async_context(HttpPort(director, HOST, page_port, LIMITS))
    stack.callback(events.close)
    await stack.enter_async_context(nodes)
    await stack.enter_async_context(users)
    await _prepare(nodes.urls[0])
    return _Demo(nodes, users, watch, events, f"http://{HOST}:{page.port}")


async def _view(demo: _Demo, open_page: bool) -> View:
    """Say where the page is, and show what happens in the terminal, too."""
    print(f"open {demo.url}", flush=True)
    if not DemoPage().is_built:
        print(NOT_BUILT, end="", flush=True)
    if not sys.stdout.isatty():
        return LineView(demo.nodes)
    if open_page and _has_windows():
        await asyncio.to_thread(webbrowser.open, demo.url)
    return BoardView(demo.nodes, demo.url)


def _has_windows() -> bool:
    """Whether a browser has a place of its own: one in this terminal would take it away from the demo."""
    return sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


async def _until(work: Sequence[Coroutine[Any, Any, None]], seconds: float | None) -> None:
    """Do all of it until one thing is over or the time is, then stop the rest. Raises what failed."""
    tasks = [asyncio.ensure_future(each) for each in work]
    done, others = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


async def _prepare(url: str) -> None:
    async with connect(url) as database:
        await prepare(database)


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


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
            view.start(await board.items())
            await _tell_where(database, view)
            try:
                async for change in changes:
                    view.show(change, presence.states.values())
            finally:
                view.stop()


async def _tell_where(database: DatabaseApi, view: View) -> None:
    view.tell(f"what you see is read at {(await database.cluster_status()).node}")
