"""What judging costs in a whole server: somebody types, or sets a field, with rules and without.

``python -m bench judging``
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from pycrdt import Doc

from bench.refusals import keystrokes, titles
from bench.yjs_server import OURS, Client, YjsServer

TIMES = 5
"""Servers of each kind, one after the other: two processes of the same program differ by some percent."""
UPDATES = 15_000
"""So many that what a server does once, with the first of them, is of no account."""
SLICE = 500
"""Updates of one server before the next has its turn, so that what else the machine does meets them all."""
WINDOW = 50
"""Updates that are on their way at once."""

SCHEMA = """
import protobase_live as pb

class Task(pb.Atom):
    title: str
    done: bool = False

schemas = {"*": Task}
"""
POLICY = """
[[rule]]
collections = "*"
actions = ["read", "presence"]

[[rule]]
collections = "*"
actions = ["write"]
fields = ["title", "done"]

[[rule]]
collections = "*"
actions = ["write"]
structures = ["body"]
"""


async def judging() -> None:
    """CPU of the server an update, and what rules add to it; servers with and without taking turns."""
    with tempfile.TemporaryDirectory() as folder:
        for what, edits in (("a character typed", keystrokes), ("a title set", titles)):
            ways, (before, updates) = options(Path(folder)), edits(UPDATES)
            rounds = [await measured(ways, before, updates) for _ in range(TIMES)]
            bare = median(each["no rule"] for each in rounds)
            told = [f"no rule {bare:.1f}"]
            for name in [name for name in ways if name != "no rule"]:
                more = median(each[name] - each["no rule"] for each in rounds)
                told.append(f"{name} {more:+.1f} ({100 * more / bare:+.0f} %)")
            print(f"  {what}, us:", ", ".join(told), flush=True)


async def measured(ways: dict[str, str], before: bytes, updates: Sequence[bytes]) -> dict[str, float]:
    """The microseconds of an update, by what the server was started with."""
    found = {name: list[float]() for name in ways}
    async with AsyncExitStack() as stack:
        rooms = {name: await stack.enter_async_context(room(chosen, before)) for name, chosen in ways.items()}
        for number, first in enumerate(range(0, len(updates), SLICE)):
            turn = list(rooms.items())
            for name, each in turn[number % len(turn) :] + turn[: number % len(turn)]:
                found[name].append(await each.microseconds(updates[first : first + SLICE]))
    return {name: median(each) for name, each in found.items()}


def options(folder: Path) -> dict[str, str]:
    """What the server is started with, by what that is."""
    schema, policy = folder / "schemas.py", folder / "policy.toml"
    schema.write_text(SCHEMA)
    policy.write_text(POLICY)
    return {
        "no rule": "",
        "a schema": f" --schemas {schema}",
        "some fields only": f" --policy {policy}",
        "both": f" --schemas {schema} --policy {policy}",
    }


class Room:
    """A server of its own, one client that writes and another that reads."""

    def __init__(self, server: YjsServer, doc: Doc, writer: Client, reader: Client) -> None:
        self._server = server
        self._doc = doc
        self._writer = writer
        self._reader = reader

    async def microseconds(self, updates: Sequence[bytes]) -> float:
        """CPU of each of these updates."""
        start = self._server.cpu_seconds()
        for first in range(0, len(updates), WINDOW):
            sent = list(updates[first : first + WINDOW])
            await self._writer.send(sent)
            for update in sent:
                self._doc.apply_update(update)
            await self._reader.until_state(self._doc.get_state())
        return (self._server.cpu_seconds() - start) / len(updates) * 1e6


@asynccontextmanager
async def room(chosen: str, before: bytes) -> AsyncIterator[Room]:
    """One in which ``before`` was written."""
    async with YjsServer(OURS + chosen, "/yjs") as server:
        doc: Doc = Doc()
        writer = await Client.join(server, "room", doc, full=True)
        await writer.send([before])
        reader = await Client.join(server, "room", Doc())
        doc.apply_update(before)
        await reader.until_state(doc.get_state())
        yield Room(server, doc, writer, reader)
        await writer.close()
        await reader.close()
