"""A JavaScript client, written from docs/protocol.md, speaks the live protocol over HTTP."""

import asyncio
import json
from pathlib import Path

import protobase_live as pb

SCRIPT = Path(__file__).with_name("live_http.mjs")
SECONDS = 60.0


async def test_a_client_of_fetch_alone() -> None:
    pipe = asyncio.subprocess.PIPE
    async with pb.open("memory:") as database, pb.Server(database, port=0) as server:
        url = f"{server.url}/live/events"
        process = await asyncio.create_subprocess_exec("node", str(SCRIPT), url, stdin=pipe, stdout=pipe)
        try:
            assert process.stdout
            async with asyncio.timeout(SECONDS):
                told = json.loads(await process.stdout.readline())
                assert told == {"statuses": [204, 204, 409], "votes": 1, "key": "t1", "title": "ä"}
                await server.close()
                closed = json.loads(await process.stdout.readline())
                assert closed == {"code": 1001, "reason": "the server is stopping"}
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
