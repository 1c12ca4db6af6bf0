"""A request with an Idempotency-Key is done once, whenever the server is killed."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from random import Random

import pytest

import protobase_live as pb
from tests.support.server_process import ServerProcess

REQUESTS = 12


@pytest.mark.parametrize("seed", range(4))
async def test_whoever_repeats_his_requests_after_a_kill_has_done_each_once(tmp_path: Path, seed: int):
    """The server is killed after some bytes of answers; then all requests are sent again, with their keys."""
    server, moments = ServerProcess(tmp_path), Random(seed).randint(1, REQUESTS)
    async with server:
        tasks = [asyncio.ensure_future(_add(server.port, n)) for n in range(REQUESTS)]
        for count, task in enumerate(asyncio.as_completed(tasks), 1):
            await asyncio.wait([asyncio.ensure_future(task)])
            if count == moments:
                server.send(signal.SIGKILL)
                break
        await asyncio.wait(tasks)
        await server.wait()
        await server.start()
        for n in range(REQUESTS):
            assert await _add(server.port, n) == 200
        async with pb.connect(server.live) as db:
            assert await (await (await db.collection("stats")).counter("n")).value() == REQUESTS
            assert sorted(await (await (await db.collection("log")).list("all")).values()) == list(
                range(REQUESTS)
            )


async def test_a_kill_between_commit_and_answer(tmp_path: Path):
    """The client sees the commit on a stream, and kills the server before it reads its answer."""
    async with ServerProcess(tmp_path) as server:
        async with pb.connect(server.live) as db, db.changes("stats") as changes:
            adding = asyncio.ensure_future(_add(server.port, 0))
            await anext(changes)
            server.send(signal.SIGKILL)
        await asyncio.wait([adding])
        await server.wait()
        await server.start()
        assert await _add(server.port, 0) == 200
        async with pb.connect(server.live) as db:
            assert await (await (await db.collection("stats")).counter("n")).value() == 1


async def _add(port: int, n: int) -> int:
    """The status of a transaction over two collections; 0 if no answer came."""
    body = json.dumps(
        {
            "writes": {
                "stats": [["counter", ["n"], "add", [1]]],
                "log": [["list", ["all"], "extend", [[n]]]],
            }
        }
    ).encode()
    head = (
        f"POST /api/v1/transactions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Idempotency-Key: request-{n}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head.encode() + body)
        answer = await reader.read()
        writer.close()
    except ConnectionError:
        return 0
    return int(answer.split()[1]) if answer else 0
