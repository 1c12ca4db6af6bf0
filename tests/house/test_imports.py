"""What a program imports by what it uses: all else waits until it is needed.

What is counted is modules of this project. Where everybody needs one more, raise the figure; where some do,
have it imported by them.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest

HOUSE = ("protobase_live", "protobase_actors", "protobase_storage")

QUERIES = {"protobase_live.query.ast.tree", "protobase_live.query.language", "protobase_live.live.views"}
RULES = {"protobase_live.permissions.permit", "protobase_live.permissions.sight"}
LINKS = {
    "protobase_live.cluster.link",
    "protobase_live.cluster.outgoing",
    "protobase_live.cluster.following",
    "protobase_live.cluster.members",
    "protobase_live.protocol.peer.messages",
    "protobase_live.model.node_status",
}
STORAGES = {"sqlite3", "protobase_storage.file", "protobase_storage.nats.storage", "protobase_storage.clouds"}
DOORS = {
    "protobase_live.server.yjs_clients",
    "protobase_live.server.hocuspocus_door",
    "protobase_live.server.live_door",
    "protobase_live.server.http_live_door",
    "protobase_live.server.http_connection",
    "protobase_live.server.rest.rest",
    "protobase_live.server.metrics",
    "protobase_live.protocol.live.client_messages",
    "protobase_live.protocol.hocuspocus.messages",
}
LIVE = {"protobase_live.server.live_door", "protobase_live.protocol.live.client_messages"}
LIBRARIES = {
    "h11",
    "uvicorn",
    "prometheus_client",
    "joserfc",
    "boto3",
    "google.cloud",
    "nats",
    "yaml",
    "typer",
}

RUNS = """
import asyncio
import protobase_live as pb

async def main():
    async with pb.open("memory:") as db, pb.Server(db, port=0):
        await (await db.collection("tasks")).insert({"title": "a"})

asyncio.run(main())
"""

SERVES = """
import asyncio
import protobase_live as pb

async def main():
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server:
        async with pb.connect(f"ws://127.0.0.1:{server.port}/live") as client:
            await (await client.collection("tasks")).insert({"title": "a"})

asyncio.run(main())
"""


@cache
def loaded_by(program: str) -> set[str]:
    """The modules that a fresh interpreter has after ``program``."""
    script = f"import sys\n{program}\nprint(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def test_a_program_loads_what_it_uses() -> None:
    assert not {"asyncio", "pycrdt", "websockets"} & loaded_by("import protobase_live")
    client = loaded_by("from protobase_live import connect")
    assert not {"protobase_live.server.server", "protobase_live.database.database", "sqlite3"} & client
    assert not {"typer", "rich"} & loaded_by("import protobase_live.cli.serve")


@pytest.mark.parametrize(
    ("program", "later"),
    [
        ("from protobase_live import open", QUERIES | RULES | LINKS | STORAGES | LIBRARIES | {"websockets"}),
        ("from protobase_live import Server", QUERIES | RULES | LINKS | DOORS | STORAGES | LIBRARIES),
        (RUNS, QUERIES | RULES | LINKS | DOORS | STORAGES | LIBRARIES),
        (SERVES, QUERIES | RULES | LINKS | DOORS - LIVE | STORAGES | LIBRARIES),
        ("from protobase_live import connect", QUERIES | LINKS | STORAGES | LIBRARIES),
    ],
    ids=["open", "Server", "a server that runs", "a server with a live client", "connect"],
)
def test_what_is_not_needed_yet_is_not_imported(program: str, later: set[str]) -> None:
    assert later & loaded_by(program) == set()


@pytest.mark.parametrize(
    ("names", "most"),
    [("open", 279), ("Server", 339), ("connect", 130), ("open, Server, connect", 371)],
)
def test_few_modules_are_imported_at_first(names: str, most: int) -> None:
    loaded = loaded_by(f"from protobase_live import {names}")
    assert len([name for name in loaded if name.split(".")[0] in HOUSE]) <= most
