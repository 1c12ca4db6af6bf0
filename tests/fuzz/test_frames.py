"""Frames at all doors of a running server: what real clients said, changed at random, and what is valid in
form and impossible in meaning. Two innocents go on with their work meanwhile.

The server lives, logs no mistake of its own, and keeps to its memory; the innocents lose nothing and hardly
wait; and after a restart every collection can be loaded and exported.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

import protobase_live as pb
from tests.support.frame_attacks import Attack, BrokenFrames, Impossible, Peer, Replay
from tests.support.http_attacks import LiveOverHttp, Requests
from tests.support.impossible_updates import Attacker
from tests.support.innocents import Innocents
from tests.support.recorded_sessions import Session, record
from tests.support.server_process import COMMAND, ServerProcess
from tests.support.yjs_node import INTEROP, NodeClients

FRAMES = int(os.environ.get("FRAMES", "6000"))
"""`make fuzz` sends a million."""
ROUND_FRAMES = 100_000
"""After so many the server is killed, and everything is looked at."""
MEASURED_FRAMES = 100_000
"""With so many it is measured how long innocents wait; else the machine may be busy with other tests."""
WAIT_SECONDS = 1.0 if FRAMES >= MEASURED_FRAMES else 10.0

HOME = "home"
"""The collection of the innocents, which nobody attacks; they share the server and its event loop."""
IDS = (1, 2, 3, 2**32 + 1)
MEMORY_BYTES = 512 * 1024**2
"""What a server may take that has these limits."""
LIMITS = {
    "document_bytes": "16MiB",
    "refusal_seconds": "0",
    "refusal_seconds_most": "0",
    "handshakes_per_second": "5000",
    "identity_collections": "100000",
}
"""Nobody is slowed, so that more is tried."""
SECRET = b"a secret of sixteen bytes or more"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Of `make fuzz`, or always the same."""
    given = str(request.config.getoption("--hypothesis-seed"))
    seed = int(given) if given.isdecimal() else 6
    print(f"seed {seed}")
    return seed


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """The file with the cluster's."""
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    path.chmod(0o600)
    return path


@pytest.fixture
async def server(tmp_path: Path, secret: Path) -> AsyncIterator[ServerProcess]:
    """A server whose freed memory is filled, and whose log is kept."""
    options = ["--cluster-secret-file", str(secret), "--node-id", "attacked"]
    for name, value in LIMITS.items():
        options += ["--limit", f"{name}={value}"]
    log = tmp_path / "log"
    command = ("sh", "-c", f'exec "$0" serve "$@" 2>>{log}', str(COMMAND), *options)
    environment = {"MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1"}
    async with ServerProcess(tmp_path / "data", command, environment=environment) as server:
        yield server


@pytest.fixture
async def sessions(server: ServerProcess, tmp_path: Path, secret: Path) -> dict[str, Session]:
    """What real clients said, by their door."""
    async with NodeClients(INTEROP / "hocuspocus" / "client.mjs") as node:
        return await record(server, node, tmp_path / "other", secret)


async def test_frames_harm_nobody(
    server: ServerProcess, sessions: dict[str, Session], seed: int, tmp_path: Path
) -> None:
    attacks = attackers(server.port, sessions, seed)
    async with Innocents.join(server, HOME) as pair:
        for done in range(0, FRAMES, ROUND_FRAMES):
            frames = min(ROUND_FRAMES, FRAMES - done)
            await fight(server, pair, attacks, frames // len(attacks))
            sent, peak = sum(each.sent for each in attacks), peak_bytes(server.pid)
            print(f"{sent} frames, {pair.slowest:.3f} s, {peak >> 20} MiB", flush=True)
            assert peak < MEMORY_BYTES
            check_log(tmp_path / "log")
            assert pair.slowest < WAIT_SECONDS, f"waited {pair.slowest:.2f} s"
            await server.restart()
            async with NodeClients() as node:
                newcomer = await (await node.open(server.yjs, HOME)).synced()
                for client in pair.clients:
                    await client.synced()
                await pair.check(newcomer)
            await check_reading(server, pair)
    assert await server.stop() == 0
    await check_export(server)


def attackers(port: int, sessions: dict[str, Session], seed: int) -> list[Attack]:
    """One of each kind at each door."""
    corpus = [message for session in sessions.values() for message in session.messages]

    def random(name: str) -> Random:
        return Random(f"{seed} {name}")

    def impossible(name: str) -> Attacker:
        return Attacker(random(f"updates {name}"), IDS)

    found = list[Attack]()
    for door, session in sessions.items():
        found.append(Replay(port, random(f"replay {door}"), session, corpus))
        found.append(BrokenFrames(port, random(f"broken {door}"), session, corpus))
    return [
        *found,
        Impossible(port, random("yjs"), impossible("yjs"), hocuspocus=False),
        Impossible(port, random("hocuspocus"), impossible("hocuspocus"), hocuspocus=True),
        Peer(port, random("peer"), SECRET, impossible("peer"), sessions["peer"]),
        Requests(port, random("requests")),
        LiveOverHttp(port, random("live-http"), sessions["json"]),
    ]


async def fight(server: ServerProcess, pair: Innocents, attacks: list[Attack], frames: int) -> None:
    """Everybody at once, until each attacker has sent so many frames."""
    over = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(pair.work(server, over))
        async with asyncio.TaskGroup() as attacking:
            for attack in attacks:
                attacking.create_task(attack.run(frames))
        over.set()
    assert server.lives


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def check_log(log: Path) -> None:
    """No mistake of the server's own, and nothing that nobody has foreseen."""
    mistakes = [line for line in log.read_text().splitlines() if " ERROR " in line or "Traceback" in line]
    assert not mistakes, "\n".join(mistakes[:20])


async def check_reading(server: ServerProcess, pair: Innocents) -> None:
    """All collections load, and what was acknowledged is there."""
    async with pb.connect(server.live) as db:
        for each in await db.collections():
            await (await db.collection(each.name)).items()
            await db.query(pb.Query(each.name))
            await db.state_hash(each.name)
        assert set(await (await db.collection(HOME)).keys()) >= set(pair.records)


async def check_export(server: ServerProcess) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        str(COMMAND), "export", server.storage, stdout=asyncio.subprocess.DEVNULL, stderr=pipe
    )
    _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
