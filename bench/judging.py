"""What judging costs in a whole server: somebody types, or sets a field, with rules and without.

``python -m bench judging``
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from pycrdt import Doc

from bench.refusals import keystrokes, titles
from bench.yjs_server import OURS, Client, YjsServer

TIMES = 5
UPDATES = 15_000
"""So many that what a server does once, with the first of them, is of no account."""
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
    """CPU of the server an update, rules taking turns."""
    with tempfile.TemporaryDirectory() as folder:
        ways = options(Path(folder))
        for what, edits in (("a character typed", keystrokes), ("a title set", titles)):
            before, updates = edits(UPDATES)
            found = {name: list[float]() for name in ways}
            for _ in range(TIMES):
                for name, chosen in ways.items():
                    found[name].append(await microseconds(chosen, before, updates))
            told = (f"{name} {median(each):.1f}" for name, each in found.items())
            print(f"  {what}, us:", ", ".join(told), flush=True)


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


async def microseconds(chosen: str, before: bytes, updates: Sequence[bytes]) -> float:
    """CPU of an update in a server of its own."""
    async with YjsServer(OURS + chosen, "/yjs") as server:
        doc: Doc = Doc()
        writer = await Client.join(server, "room", doc, full=True)
        await writer.send([before])
        reader = await Client.join(server, "room", Doc())
        doc.apply_update(before)
        start = server.cpu_seconds()
        for first in range(0, len(updates), WINDOW):
            sent = list(updates[first : first + WINDOW])
            await writer.send(sent)
            for update in sent:
                doc.apply_update(update)
            await reader.until_state(doc.get_state())
        spent = server.cpu_seconds() - start
        await writer.close()
        await reader.close()
        return spent / len(updates) * 1e6
