"""python -m bench.http: the REST door beside Starlette alone, each in a process of its own under the same
HTTP parser; what a request costs the server, and what an event costs it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

CONNECTIONS = 20
REQUESTS = 4_000
STREAMS = 200
CHANGES = 200

STARLETTE = """
import sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

kept = {"t1": {"title": "Write"}}

async def get(request):
    return JSONResponse(kept[request.path_params["key"]])

async def put(request):
    kept[request.path_params["key"]] = await request.json()
    return JSONResponse({"key": request.path_params["key"]})

path = "/api/v1/collections/tasks/records/{key}"
app = Starlette(routes=[Route(path, get), Route(path, put, methods=["PUT"])])
print("listening on http://127.0.0.1:8799", flush=True)
uvicorn.run(app, port=8799, http="h11", log_level="error")
"""

RECORD = "/api/v1/collections/tasks/records/t1"
COMMIT = {"writes": {"tasks": [["records", ["records"], "put", ["t1", {"title": "Write"}, {}]]]}}


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: str, path: str, body: bytes, more: str
) -> None:
    """One request, answered with 2xx."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {len(body)}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
    answer = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert answer.startswith(b"http/1.1 2"), answer
    await reader.readexactly(int(answer.partition(b"content-length: ")[2].partition(b"\r\n")[0]))


async def load(port: int, method: str, path: str, body: object, keyed: bool = False) -> None:
    """All requests, over some connections at once."""
    data = b"" if body is None else json.dumps(body).encode()
    numbers = iter(range(REQUESTS))

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in numbers:
            await ask(reader, writer, method, path, data, f"Idempotency-Key: {n}\r\n" if keyed else "")
        writer.close()

    await asyncio.gather(*(one_connection() for _ in range(CONNECTIONS)))


async def streams(port: int) -> None:
    """Some changes, each told to all streams."""
    path = "/api/v1/collections/tasks/changes"
    readers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(STREAMS)]
    for reader, writer in readers:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b"event: open")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for n in range(CHANGES):
        await ask(reader, writer, "PUT", RECORD, json.dumps({"n": n}).encode(), "")
        await asyncio.gather(*(each.readuntil(b"event: change") for each, _ in readers))
    for _, each in [*readers, (reader, writer)]:
        each.close()


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(name: str, command: Sequence[str], *works: str) -> None:
    """Print what each kind of work costs a server."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: ASYNC220
        assert server.stdout is not None
        port = int(server.stdout.readline().rpartition(":")[2])
        await asyncio.sleep(2)
        await load(port, "PUT", RECORD, {"title": "Write"})
        for work in works:
            count = STREAMS * CHANGES if work == "events" else REQUESTS
            began, used = time.perf_counter(), cpu(server.pid)
            await WORKS[work](port)
            seconds, used = time.perf_counter() - began, cpu(server.pid) - used
            print(f"{name:12} {work:13} {count / seconds:8,.0f}/s  {1e6 * used / count:6.0f} us CPU")
        server.terminate()


WORKS = {
    "get": lambda port: load(port, "GET", RECORD, None),
    "put": lambda port: load(port, "PUT", RECORD, {"title": "Write"}),
    "transaction": lambda port: load(port, "POST", "/api/v1/transactions", COMMIT),
    "with a key": lambda port: load(port, "POST", "/api/v1/transactions", COMMIT, keyed=True),
    "query": lambda port: load(port, "POST", "/api/v1/query", {"query": "tasks where title = 'Write'"}),
    "events": streams,
}


async def main() -> None:
    """Starlette first."""
    await measure("starlette", [sys.executable, "-c", STARLETTE], "get", "put")
    with tempfile.TemporaryDirectory() as folder:
        serve = [sys.executable, "-m", "protobase_live", "serve", "--listen", "127.0.0.1:0"]
        await measure("protobase", [*serve, "--storage", f"file:{folder}/data"], *WORKS)


if __name__ == "__main__":
    asyncio.run(main())
