"""Several workers on one port: what a worker's death costs, and what it died of."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from pycrdt import Doc
from websockets.exceptions import ConnectionClosed, InvalidMessage

import protobase_live as pb
from protobase_live.database.opening import open_storage
from protobase_live.protocol.live.limits import BAD_MESSAGE, TRY_AGAIN
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.workers.homes import home_of
from protobase_live.workers.stores import Stores
from protobase_storage import Commit
from tests.protobase_live.cli.command import run
from tests.support import raw
from tests.support.certificates import certificate_files
from tests.support.server_process import SERVE, ServerProcess
from tests.support.unguarded_server import UNGUARDED_SERVE, deadly, endless
from tests.support.yjs_node import NodeClients

WORKERS = ("--workers", "2")
COLLECTIONS = tuple(f"c{n}" for n in range(6))
WRITES = 60
"""Acknowledged writes of each program between two deaths, at least."""

TYPE = "doc.getText('text').insert(0, args.text)"


def workers_of(server: ServerProcess) -> list[psutil.Process]:
    """In the order of their numbers."""
    stores = {
        file.path: each
        for each in psutil.Process(server.pid).children()
        for file in each.open_files()
        if file.path.endswith("protobase.db")
    }
    return [stores[path] for path in sorted(stores)]


async def both(server: ServerProcess) -> list[psutil.Process]:
    """Wait until both have opened their stores: one may have died just now."""
    while len(found := workers_of(server)) < 2:  # noqa: ASYNC110 - only the system knows
        await asyncio.sleep(0.02)
    return found


def named_at(number: int, prefix: str) -> str:
    """A collection that is at home with this worker."""
    return next(name for n in count() if home_of((name := f"{prefix}{n}").encode(), range(2)) == number)


class Program:
    """Writes records, and remembers which were acknowledged."""

    def __init__(self, db: Any, name: str) -> None:
        self._db = db
        self._name = name
        self.kept: dict[str, set[str]] = {collection: set() for collection in COLLECTIONS}
        self.more = asyncio.Event()
        self.failure: BaseException | None = None

    @property
    def count(self) -> int:
        return sum(map(len, self.kept.values()))

    async def work(self) -> None:
        try:
            await self._work()
        except BaseException as error:
            self.failure = error
            self.more.set()

    async def _work(self) -> None:
        for n in count():
            collection = COLLECTIONS[n % len(COLLECTIONS)]
            key = f"{self._name}-{n}"
            # Another worker may lack for a while what was acknowledged by the one that is starting again.
            with suppress(pb.OutcomeUnknown, pb.Behind):
                await (await self._db.collection(collection)).put({"n": n}, key=key)
                self.kept[collection].add(key)
                self.more.set()

    async def until(self, written: int) -> None:
        while self.count < written:
            self.more.clear()
            await self.more.wait()
            if self.failure is not None:
                raise self.failure


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(tmp_path / "data", (*SERVE, *WORKERS)) as server:
        yield server


async def test_a_worker_that_is_killed_takes_nothing_along(server: ServerProcess, node: NodeClients) -> None:
    """Clients of both kinds go on, and everything that was acknowledged is there in the end."""
    async with AsyncExitStack() as stack:
        programs = [
            Program(await stack.enter_async_context(pb.connect(server.live)), name) for name in "abcd"
        ]
        rooms = [named_at(number, "room") for number in (0, 1)]
        typists = [await (await node.open(server.yjs, room)).synced() for room in rooms for _ in range(2)]
        typed: dict[str, int] = dict.fromkeys(rooms, 0)
        working = [asyncio.create_task(each.work()) for each in programs]
        for death in range(1, 5):
            for number, typist in enumerate(typists):
                await typist.run(TYPE, text="x")
                typed[rooms[number // 2]] += 1
            await asyncio.gather(*(each.until(death * WRITES) for each in programs))
            (await both(server))[death % 2].kill()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        for number, typist in enumerate(typists):
            await typist.until_equal("doc.getText('text').length", typed[rooms[number // 2]])
    assert await server.stop() == 0
    assert (server.folder / "workers" / "1.settled").exists()
    for name in (server.storage, Stores(server.storage).of(1)):
        async with pb.open(name) as db:
            for collection in COLLECTIONS:
                kept = set.union(*(each.kept[collection] for each in programs))
                assert kept <= set(await (await db.collection(collection)).keys())
            for room in rooms:
                text = await (await db.collection(room)).text("text").value()
                assert len(text) == typed[room]
    assert not list(Stores(server.storage).quarantine.glob("*.json")) or suspects_only(server)


def suspects_only(server: ServerProcess) -> bool:
    """SIGKILL says nothing of what was sent: it is suspected at most."""
    return {each["verdict"] for each in reports(server)} <= {"suspect", "unproven", "counted"}


def reports(server: ServerProcess) -> list[dict[str, Any]]:
    folder = Stores(server.storage).quarantine
    return [json.loads(each.read_text()) for each in sorted(folder.glob("*.json"))]


async def send(server: ServerProcess, room: str, update: bytes) -> int | None:
    """Send an update as a client of a room; how the server closes the connection, if it does."""
    connection = await raw.join(server.yjs, room, Doc())
    await connection.send(yjs.encode_update(update))
    return await raw.close_code(connection)


@pytest.fixture
async def unguarded(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server that lets in what kills it."""
    limits = ("--limit", "turn_seconds=1.5")
    environment = {"MALLOC_PERTURB_": "165"}
    command = (*UNGUARDED_SERVE, *WORKERS, *limits)
    async with ServerProcess(tmp_path / "data", command, environment=environment) as server:
        yield server


@pytest.mark.parametrize(
    ("update", "cause"),
    [(deadly(101), "signal SIGSEGV"), (endless(201), "ran 1.5 s for one collection (turn_seconds)")],
    ids=["deadly", "endless"],
)
async def test_what_kills_a_worker_is_kept_and_refused(
    unguarded: ServerProcess, node: NodeClients, update: bytes, cause: str
) -> None:
    attacked, other = named_at(0, "arena"), named_at(1, "garden")
    innocent = await (await node.open(unguarded.yjs, attacked)).synced()
    bystander = await (await node.open(unguarded.yjs, other)).synced()
    await innocent.run(TYPE, text="before")
    await bystander.run("doc.closed = 0; provider.on('connection-close', () => doc.closed++)")
    async with asyncio.timeout(20):
        assert await send(unguarded, attacked, update) is None  # its worker died

    await innocent.run(TYPE, text="after")
    await bystander.run(TYPE, text="bystander")
    again = await (await node.open(unguarded.yjs, attacked)).synced()
    await again.until_equal("doc.getText('text').toString()", "afterbefore")
    assert await send(unguarded, attacked, update) == BAD_MESSAGE
    assert await send(unguarded, other, update) == BAD_MESSAGE, "the other worker knows it, too"
    assert await bystander.get("doc.closed") == 0, "its worker lived"

    (report,) = reports(unguarded)
    assert (report["cause"], report["verdict"], report["collection"]) == (cause, "refused", attacked)
    assert report["sent"][0]["address"] == "127.0.0.1"
    kept = Stores(unguarded.storage).quarantine / report["sent"][0]["file"]
    assert kept.read_bytes() == update

    await unguarded.restart()
    assert await send(unguarded, attacked, update) == BAD_MESSAGE, "it is known after a start"
    assert len(reports(unguarded)) == 1


async def test_a_collection_whose_load_kills_is_left_alone(tmp_path: Path) -> None:
    folder, room, other = tmp_path / "data", named_at(0, "poisoned"), named_at(0, "sound")
    storage = await open_storage(f"file:{folder}")
    await storage.append([Commit(storage.identity, 1, room, endless(5), (), 0.0)])
    await storage.close()
    command = (*UNGUARDED_SERVE, *WORKERS, "--limit", "turn_seconds=1")
    async with ServerProcess(folder, command) as server:
        while (code := await last_words(server, room)) != TRY_AGAIN:
            assert code is None  # it went to one that died, or was about to: the reports count deaths
        connection = await raw.join(server.yjs, other, Doc())
        await connection.close()
        verdicts = [(each["verdict"], each["what"], each["collection"]) for each in reports(server)]
        assert verdicts == [("counted", "load", room), ("unloadable", "load", room)]


async def last_words(server: ServerProcess, room: str) -> int | None:
    """How a connection ends that asks for a collection."""
    try:
        connection = await raw.dial(server.yjs, room)
        await connection.send(yjs.encode_step1(Doc().get_state()))
    except (InvalidMessage, ConnectionClosed):
        return None
    return await raw.close_code(connection)


async def test_workers_end_with_their_supervisor(server: ServerProcess) -> None:
    workers = workers_of(server)
    assert len(workers) == 2
    server.send(signal.SIGKILL)
    await server.wait()
    gone, alive = await asyncio.to_thread(psutil.wait_procs, workers, 10)
    assert (len(gone), alive) == (2, [])


async def test_fewer_workers_lose_nothing(server: ServerProcess) -> None:
    """After a clean end the first store has all; before one, serving it alone is refused."""
    async with pb.connect(server.live) as one, pb.connect(server.live) as other:
        for number, db in enumerate((one, other)):
            await (await db.collection("tasks")).put({"n": 1}, key=f"k{number}")
    await server.kill()
    server.command = SERVE
    with pytest.raises(AssertionError, match="the server said ''"):
        await server.start()
    await server.kill()
    server.command = (*SERVE, *WORKERS)
    await server.start()
    assert await server.stop() == 0
    server.command = SERVE
    await server.start()
    async with pb.connect(server.live) as db:
        assert sorted(await (await db.collection("tasks")).keys()) == ["k0", "k1"]


async def test_a_worker_that_dies_as_all_stop_leaves_nothing_behind(
    server: ServerProcess, node: NodeClients
) -> None:
    """What it alone had stored is with the first one in the end."""
    room = named_at(1, "room")
    one, other = [await (await node.open(server.yjs, room)).synced() for _ in range(2)]
    first, second = workers_of(server)
    first.suspend()
    await one.run(TYPE, text="stored by the second")
    await other.until_equal("doc.getText('text').toString()", "stored by the second")
    server.send(signal.SIGSTOP)  # so that it learns of both at once
    second.kill()
    server.send(signal.SIGTERM)
    first.resume()
    server.send(signal.SIGCONT)
    assert await server.wait() == 0
    assert (server.folder / "workers" / "1.settled").exists()
    async with pb.open(server.storage) as db:
        assert await (await db.collection(room)).text("text").value() == "stored by the second"


async def test_figures_are_those_of_all(server: ServerProcess) -> None:
    page = await asyncio.to_thread(_get, f"http://127.0.0.1:{server.port}/metrics")
    for number in (0, 1):
        assert f'protobase_sessions{{worker="{number}"}} ' in page
    assert "\nprotobase_worker_deaths_total 0\n" in page


RULES = """
[[rule]]
collections = "*"
who = { sub = "root" }
actions = "admin"

[[rule]]
collections = "tasks"
actions = ["read"]
"""


async def test_who_is_revoked_at_one_worker_is_so_at_all_and_later(tmp_path: Path) -> None:
    policy, keys = tmp_path / "rules.toml", tmp_path / "secret"
    policy.write_text(RULES)
    keys.write_text("a secret that is long enough for HS256")
    options = ("--policy", str(policy), "--jwt-keys", str(keys), "--jwt-algorithm", "HS256")
    said = [await run("token", who, "--keys", str(keys), "--algorithm", "HS256") for who in ("ann", "root")]
    ann, root = (each.out.strip() for each in said)
    async with ServerProcess(tmp_path / "data", (*SERVE, *WORKERS, *options)) as server:
        async with pb.connect(server.live, token=ann) as one, pb.connect(server.live, token=ann) as other:
            for db in (one, other):
                assert await (await db.collection("tasks")).keys() == []
            assert (await run("revoke", server.live, "ann", "tasks", "--token", root)).code == 0
            for db in (one, other):
                await refused(db)
        for worker in await both(server):
            worker.kill()
        for _ in WORKERS:
            async with pb.connect(server.live, token=ann) as db:
                await refused(db)


async def refused(db: Any) -> None:
    """Wait until the collection is refused: another worker hears of it a moment later."""
    async with asyncio.timeout(20):
        with pytest.raises(pb.Forbidden):
            await read_for_ever(db)


async def read_for_ever(db: Any) -> None:
    while True:
        await (await db.collection("tasks")).keys()


async def test_every_worker_speaks_tls(tmp_path: Path) -> None:
    files = certificate_files(tmp_path)
    options = ("--tls-cert", str(files.cert), "--tls-key", str(files.key))
    process = await asyncio.create_subprocess_exec(
        *SERVE, *WORKERS, *options, "--storage", f"file:{tmp_path / 'data'}", "--listen", "127.0.0.1:0",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().removeprefix("listening on ").strip()
        assert url.startswith("https://")
        tls = ssl.create_default_context(cafile=files.ca)
        for number in range(2):
            async with pb.connect(f"{url.replace('https', 'wss')}/live", tls=tls) as db:
                await (await db.collection("tasks")).put({}, key=str(number))
    finally:
        process.terminate()
        assert await process.wait() == 0


def _get(url: str) -> str:
    with urlopen(url) as answer:
        return answer.read().decode()
