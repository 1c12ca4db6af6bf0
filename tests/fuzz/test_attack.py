"""Impossible updates through the sockets, an innocent pair beside the attackers and one among them.

The server lives, the innocent wait for nothing and lose nothing, and whatever was taken can be loaded, read
and exported after a restart, and is what its honest clients have.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import settings

import protobase_live as pb
from tests.support.attack import Attack
from tests.support.impossible_updates import RESERVED, ROOTS, Attacker
from tests.support.innocents import Innocents
from tests.support.server_process import COMMAND, ServerProcess
from tests.support.struct_oracle import YjsJudge
from tests.support.yjs_node import NodeClients, YjsClient

ROUND_FRAMES = 5_000
"""After so many frames the server is killed, and everything is looked at."""

ROUNDS = max(1, settings().max_examples // 100)
"""40 in `make fuzz`."""

HOME, ARENAS = "home", ("arena/1", "arena/2", "arena/3")
"""The collection that nobody attacks, and those that are. There are innocents in the first arena, too."""

ATTACKS_EACH = 2
"""Attackers of each arena; all use the same client ids."""

IDS = (1, 2, 3, 2**32 + 1)
BULKS = 1
"""Updates of 20,000 adjacent blocks that each attacker makes."""

MEMORY_BYTES = 3 * 1024**3
WAIT_SECONDS = 1.0 if ROUNDS > 1 else 10.0
"""How long an innocent may wait for the other. The machine may be busy with other tests where this is one of
them; `make fuzz` measures."""

READ_SECONDS = 30.0

READINGS = {
    "list": "values",
    "text": "value",
    "dict": "items",
    "set": "values",
    "counter": "value",
    "xml_fragment": "value",
}
"""Kinds of structures, and how all of one is read."""


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Of `make fuzz`, or always the same."""
    given = str(request.config.getoption("--hypothesis-seed"))
    seed = int(given) if given.isdecimal() else 6
    print(f"seed {seed}")
    return seed


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server whose freed memory is filled, and which has not much of it."""
    environment = {"MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1"}
    async with ServerProcess(tmp_path / "data", environment=environment, memory_bytes=MEMORY_BYTES) as server:
        yield server


@pytest.fixture
async def innocents(server: ServerProcess) -> AsyncIterator[list[Innocents]]:
    """Two pairs, of which one is among the attackers."""
    async with Innocents.join(server, HOME) as calm, Innocents.join(server, ARENAS[0]) as brave:
        yield [calm, brave]


async def test_impossible_updates_harm_nobody(
    server: ServerProcess, innocents: list[Innocents], seed: int
) -> None:
    attacks = [
        Attack(
            server.yjs,
            room,
            Random(f"{seed} {room} {n}"),
            Attacker(Random(f"{seed} {room} {n}"), IDS, bulk=BULKS),
        )
        for room in ARENAS
        for n in range(ATTACKS_EACH)
    ]
    for _ in range(ROUNDS):
        await fight(server, innocents, attacks)
        for pair in innocents:
            assert pair.slowest < WAIT_SECONDS, f"{pair.room}: waited {pair.slowest:.2f} s"
        await server.restart()
        async with NodeClients() as others:
            fresh = {room: await (await others.open(server.yjs, room)).synced() for room in (HOME, *ARENAS)}
            await check_innocents(server, innocents, fresh)
        await check_reading(server)
        assert server.lives
    print(
        f"{sum(attack.sent for attack in attacks)} frames, {[round(pair.slowest, 3) for pair in innocents]} s"
    )
    assert await server.stop() == 0
    await check_export(server)


RECORDS = "[...doc.getMap('records').entries()].map(([key, held]) => [key, held instanceof Y.Map])"
"""What stands under each key to Yjs: a record, or something else."""


async def fight(server: ServerProcess, innocents: list[Innocents], attacks: list[Attack]) -> None:
    """One round: everybody at once, until the attackers have sent their frames."""
    over = asyncio.Event()
    ids = {client.id for pair in innocents for client in pair.clients}
    async with asyncio.TaskGroup() as tasks:
        for pair in innocents:
            tasks.create_task(pair.work(server, over))
        async with asyncio.TaskGroup() as attacking:
            for attack in attacks:
                attacking.create_task(attack.run(ROUND_FRAMES // len(attacks), ids))
        assert server.lives
        over.set()


async def check_innocents(
    server: ServerProcess, innocents: list[Innocents], fresh: dict[str, YjsClient]
) -> None:
    """A fresh client has what the innocent have, and that is everything that they did."""
    with YjsJudge() as yjs:
        for pair in innocents:
            newcomer = fresh[pair.room]
            state = await newcomer.state()
            for client in pair.clients:
                await client.synced()
                await client.until("same(Y.encodeStateVector(doc), args.state)", state=state)
            await pair.check(newcomer)
            documents = [*await pair.documents(), await newcomer.get("Y.encodeStateAsUpdate(doc)")]
            one, *others = [yjs.judge([document]) for document in documents]
            assert not one.pending
            for other in others:
                assert (other.content, other.vector) == (one.content, one.vector)
            async with pb.connect(server.live) as db:
                collection, inserted = await db.collection(pair.room), set(pair.records)
                held = dict[str, bool](await newcomer.get(RECORDS))
                # In an arena somebody may have set or deleted the same key: an edit as good as any other.
                assert inserted <= held.keys() or pair.room != HOME
                assert {key for key in inserted if held.get(key)} <= set(await collection.keys())
                assert {key for key in inserted if held.get(key) is False} <= set(await collection.misfits())


async def check_reading(server: ServerProcess) -> None:
    """Everything can be read by a program, as whatever it takes it for; at the worst it is told why not."""
    async with pb.connect(server.live) as db:
        for room in (HOME, *ARENAS):
            collection = await db.collection(room)
            await soon(f"items of {room}", collection.items())
            await soon(f"a query of {room}", db.query(pb.Query(room)))
            for kind, method in READINGS.items():
                for name in (*ROOTS, *RESERVED):
                    with suppress(pb.KindMismatch, pb.InvalidName, pb.ValidationError):
                        handle = getattr(collection, kind)(name)
                        await soon(f"the {kind} {name!r} of {room}", getattr(handle, method)())


async def soon(what: str, reading: Awaitable[object]) -> None:
    """Read something, and do not wait for ever."""
    try:
        async with asyncio.timeout(READ_SECONDS):
            await reading
    except TimeoutError:
        raise AssertionError(f"{what}: not within {READ_SECONDS:g} s") from None


async def check_export(server: ServerProcess) -> None:
    process = await asyncio.create_subprocess_exec(
        str(COMMAND), "export", server.storage, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    for room in (HOME, *ARENAS):
        assert f'"collection": "{room}"'.encode() in out
