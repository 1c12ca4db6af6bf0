"""A server whose disk is full: reading goes on, writing is refused and begins again by itself.

The kernel makes writes beyond a size fail for the server's process, as on a disk that is full or broken.
"""

from __future__ import annotations

import asyncio
import resource
import signal
from pathlib import Path
from urllib.request import urlopen

from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect

import protobase_live as pb
from protobase_live.protocol.yjs import messages as yjs
from tests.support.server_process import ServerProcess

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

QUICKLY = {"PROTOBASE_READ_ONLY_SECONDS": "1", "PROTOBASE_REFUSAL_SECONDS": "0.1"}


def fill_disk(server: ServerProcess) -> None:
    """Nothing grows any more."""
    size = (server.folder / "protobase.db-wal").stat().st_size
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def free_disk(server: ServerProcess) -> None:
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, UNLIMITED)


async def page(server: ServerProcess, path: str) -> str:
    url = server.live.replace("ws:", "http:").replace("/live", path)

    def fetch() -> str:
        with urlopen(url) as answer:
            return answer.read().decode()

    return await asyncio.to_thread(fetch)


async def send_text(client: ClientConnection, text: str) -> None:
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, text)
    await client.send(yjs.encode_update(doc.get_update()))


async def test_reading_goes_on_and_writing_begins_again_by_itself(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", environment=QUICKLY)
    async with server, pb.connect(server.live) as db, connect(f"{server.yjs}/tasks") as reader:
        tasks = await db.collection("tasks")
        kept = [await tasks.insert({"text": "x" * 5_000}) for _ in range(20)]
        async with tasks.changes() as changes, db.live(pb.Query("tasks").count()) as live:
            fill_disk(server)
            refusal = await insert_until_refused(tasks, kept)
            assert str(refusal).startswith("collection 'tasks' is read-only for now")
            assert refusal.retryable
            assert sorted(await tasks.keys()) == sorted(kept)
            assert len(await db.query(pb.Query("tasks"))) == len(kept)
            async with connect(f"{server.yjs}/tasks?token=writer") as writer:
                await send_text(writer, "z" * 5_000)
                await writer.wait_closed()
                assert writer.close_code == 1013
            assert "protobase_restarts_total 0.0\n" in await page(server, "/metrics")
            free_disk(server)
            kept.append(await insert_at_last(tasks))
            assert await page(server, "/readyz") == "ready\n"
            seen = [(await anext(changes)).key for _ in range(len(kept) - 20)]
            assert seen == kept[20:]
            while live.rows[0]["count"] != len(kept):
                await anext(aiter(live))
        assert reader.close_code is None
        assert await server.stop() == 0
    async with pb.open(server.storage) as db:
        assert sorted(await (await db.collection("tasks")).keys()) == sorted(kept)


async def insert_until_refused(tasks: pb.Collection, kept: list[str]) -> pb.Unavailable:
    """Add to `kept` what is acknowledged; answers with the refusal."""
    while True:
        try:
            kept.append(await tasks.insert({"text": "y" * 5_000}))
        except pb.Unavailable as refusal:
            return refusal


async def insert_at_last(tasks: pb.Collection) -> str:
    """Try until it succeeds."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await tasks.insert({"text": "at last"})
            except pb.Unavailable:
                await tasks.count()


async def test_a_server_that_is_killed_with_a_full_disk_has_what_it_acknowledged(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", environment=QUICKLY)
    kept = []
    async with server, pb.connect(server.live) as db:
        tasks = await db.collection("tasks")
        await tasks.insert({}, key="first")
        fill_disk(server)
        await insert_until_refused(tasks, kept)
        server.send(signal.SIGKILL)
        await server.wait()
    async with pb.open(server.storage) as db:
        assert sorted(await (await db.collection("tasks")).keys()) == sorted(["first", *kept])
