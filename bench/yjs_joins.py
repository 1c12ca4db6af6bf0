"""python -m bench.yjs_joins: what it costs to join, to come back, to load and to have a gap.

Each row runs on a server of its own: ours, or the one that ``--cmd`` starts, so that two runs make a table of
before and after, or of ours and a peer's. See README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
from functools import partial
from time import perf_counter

from pycrdt import Array, Doc, Map, Text

from bench.yjs_server import OURS, Client, YjsServer
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import varuint

IDLE_CLIENTS = 60
DELETES = 20_000
PUSHES = 30_000
GAP_SECONDS = 3.0


def line(what: str, figure: str) -> None:
    print(f"  {what:<64}{figure:>24}", flush=True)


def text_with_deletes() -> Doc:
    """A text of which every second character is deleted, each on its own."""
    doc: Doc = Doc(client_id=1)
    doc.get("text", type=Text).insert(0, "x" * 2 * DELETES)
    ranges = b"".join(varuint(2 * n) + varuint(1) for n in range(DELETES))
    doc.apply_update(varuint(0) + varuint(1) + varuint(1) + varuint(DELETES) + ranges)
    return doc


async def idle_reconnects(server: YjsServer) -> None:
    """Clients that have everything come back one after the other."""
    doc = text_with_deletes()
    writer = await Client.join(server, "room", doc)
    clients = [await Client.join(server, "room", doc, full=True) for _ in range(IDLE_CLIENTS)]
    await marked(writer, doc, server)
    before, disk = sum(each.bytes for each in (writer, *clients)), server.disk_bytes()
    for n, client in enumerate(clients):
        await client.close()
        again = clients[n] = await Client.join(server, "room", doc, full=True)
        again.bytes += client.bytes
    await marked(writer, doc, server)
    down = sum(each.bytes for each in (writer, *clients)) - before
    line(f"{IDLE_CLIENTS} idle clients come back, {DELETES:,} deletes: bytes down", f"{down:,}")
    line("  growth on disk, bytes", f"{server.disk_bytes() - disk:,}")
    line("  the document, bytes", f"{len(doc.get_update()):,}")


async def marked(writer: Client, doc: Doc, server: YjsServer) -> None:
    """Make an edit and wait until somebody new has it: the server has dealt with what it was sent before."""
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    doc.get("text", type=Text).insert(0, "m")
    doc.unobserve(subscription)
    await writer.send(updates)
    newcomer = await Client.join(server, "room", Doc())
    await newcomer.until_state(doc.get_state())
    await newcomer.close()


def replayed(trace: str) -> tuple[Doc, list[bytes]]:
    """A recorded session, and the update of each of its patches."""
    doc: Doc = Doc()
    text = doc.get("text", type=Text)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    with gzip.open(trace) as file:
        transactions = json.load(file)["txns"]
    for transaction in transactions:
        for position, deleted, inserted in transaction["patches"]:
            with doc.transaction():
                if deleted:
                    del text[position : position + deleted]
                if inserted:
                    text.insert(position, inserted)
    doc.unobserve(subscription)
    return doc, updates


async def sent(server: YjsServer, room: str, doc: Doc, updates: list[bytes]) -> None:
    """Send updates one by one, and wait until somebody else has been shown all of them."""
    witness = await Client.join(server, room, Doc())
    writer = await Client.join(server, room, Doc())
    await writer.send(updates)
    await witness.until_state(doc.get_state())
    for each in (witness, writer):
        await each.close()


async def trace_join(trace: str, server: YjsServer) -> None:
    """Join a recorded session, before and after the server was killed and started again."""
    doc, updates = replayed(trace)
    await sent(server, "room", doc, updates)
    for when in ("", " after a restart"):
        if when:
            await server.kill()
            await server.start()
        start = perf_counter()
        joiner = await Client.join(server, "room", Doc())
        await joiner.until_state(doc.get_state())
        seconds = perf_counter() - start
        line(
            f"join of {len(updates):,} edits{when}: bytes, seconds",
            f"{joiner.bytes:,}  {seconds:.2f}",
        )
        await joiner.close()
    line("  the document, bytes", f"{len(doc.get_update()):,}")


def pushes() -> tuple[Doc, list[bytes]]:
    """An array that grows by one value a transaction."""
    doc: Doc = Doc()
    array = doc.get("list", type=Array)
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    for n in range(PUSHES):
        array.append(n)
    doc.unobserve(subscription)
    return doc, updates


async def load_pushes(server: YjsServer) -> None:
    """Load a long array after a restart, beside two clients of another room who write to each other."""
    doc, updates = pushes()
    start = perf_counter()
    await sent(server, "room", doc, updates)
    line(f"{PUSHES:,} array pushes by one client: seconds", f"{perf_counter() - start:.2f}")
    await server.kill()
    await server.start()
    one, other = Doc(), Doc()
    clients = [await Client.join(server, "elsewhere", each) for each in (one, other)]
    worst = [0.0]
    pinging = asyncio.create_task(ping(clients, one, worst))
    start = perf_counter()
    # Taken by nobody: a document would need longer for it than the server.
    joiner = await Client.join(server, "room", Doc(), full=True)
    line("  joined after a restart in seconds", f"{perf_counter() - start:.2f}")
    await clients[1].until_state(one.get_state())
    pinging.cancel()
    line("  worst round trip of another room meanwhile, ms", f"{1e3 * worst[0]:,.0f}")
    for each in (joiner, *clients):
        await each.close()


async def ping(clients: list[Client], doc: Doc, worst: list[float]) -> None:
    """Edit over and over, each time when the other has seen the last edit; keep the longest wait."""
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))
    numbers = doc.get("map", type=Map)
    while True:
        start = perf_counter()
        numbers["n"] = start
        await clients[0].send([updates.pop()])
        await clients[1].until_state(doc.get_state())
        worst[0] = max(worst[0], perf_counter() - start)


async def gap(server: YjsServer) -> None:
    """A client whose document has an update before whose predecessor came. It answers what it is asked."""
    doc: Doc = Doc()
    updates: list[bytes] = []
    doc.observe(lambda event: updates.append(event.update))
    doc.get("text", type=Text).insert(0, "one")
    doc.get("text", type=Text).insert(3, "two")
    connection = await server.dial("room")
    await connection.send(yjs.encode_step1(Doc().get_state()))
    messages, cpu = 0, server.cpu_seconds()
    try:
        async with asyncio.timeout(GAP_SECONDS):
            async for frame in connection:
                messages += 1
                assert isinstance(frame, bytes)
                if isinstance(yjs.decode(frame), yjs.SyncStep1):
                    await connection.send(yjs.encode_step2(updates[1]))
                    messages += 1
    except TimeoutError:
        pass
    line(f"a client with a gap, {GAP_SECONDS:g} s: messages both ways", f"{messages:,}")
    line("  CPU of the server, ms", f"{1e3 * (server.cpu_seconds() - cpu):,.0f}")
    await connection.close()


async def main() -> None:
    parser = argparse.ArgumentParser(
        description="Joining, coming back, loading, gaps: what they cost a Yjs server."
    )
    parser.add_argument("--cmd", default=OURS, help="another server; {folder} and {port} are put in")
    parser.add_argument("--path", default="/yjs", help="what stands before a room's name in the address")
    parser.add_argument("--trace", help="a recorded session, .json.gz as in the automerge-paper data set")
    options = parser.parse_args()
    rows = [idle_reconnects, load_pushes, gap]
    if options.trace:
        rows.insert(1, partial(trace_join, options.trace))
    for row in rows:
        async with YjsServer(options.cmd, options.path) as server:
            await row(server)


if __name__ == "__main__":
    asyncio.run(main())
