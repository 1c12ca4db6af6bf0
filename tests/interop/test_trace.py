"""A recorded editing session, replayed by a stock Yjs client and by a Python client at once, while the
server is killed and started again."""

from __future__ import annotations

import asyncio
from typing import Any

import protobase_live as pb
from tests.support.editing_session import Patch, Session, load, text_after
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

BURST_PATCHES = 2_000
TRANSACTION_PATCHES = 500
KILLS = (0.2, 0.5, 0.8)
"""Where in the session the server is killed, as parts of it."""

LENGTH = "doc.getText('body').length"
TEXT = "doc.getText('body').toString()"
REPLAY = """
const text = doc.getText('body')
for (const [position, deleted, inserted] of args.patches) {
  if (deleted) text.delete(position, deleted)
  if (inserted) text.insert(position, inserted)
}
return text.length
"""


def test_a_session_ends_as_it_says():
    session = load()
    assert text_after(session.patches) == session.end


async def test_replay_with_kills(server: ServerProcess, node: NodeClients):
    session = load()
    kills = [asyncio.Event() for _ in KILLS]
    async with pb.connect(server.live) as db:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_replay_in_node(server, node, session, kills))
            tasks.create_task(_replay_in_python(db, session))
            tasks.create_task(_kill_when(server, kills))
        body = await (await db.collection("paper/python")).text("body")
        assert await body.value() == session.end
    await _assert_stored(server, node, session)


async def _kill_when(server: ServerProcess, kills: list[asyncio.Event]) -> None:
    for due in kills:
        await due.wait()
        await server.restart()


async def _replay_in_node(
    server: ServerProcess, node: NodeClients, session: Session, kills: list[asyncio.Event]
) -> None:
    """Burst by burst: the next begins when a second client has been shown all of the last. At a kill, the
    server has shown the beginning of a burst and has yet to show its end."""
    writer, reader = [await (await node.open(server.yjs, "paper/node")).synced() for _ in range(2)]
    kill_at = [int(len(session.patches) * part) for part in KILLS]
    length = 0
    for start in range(0, len(session.patches), BURST_PATCHES):
        patches = session.patches[start : start + BURST_PATCHES]
        burst = asyncio.create_task(writer.run(REPLAY, patches=patches))
        if kill_at and start >= kill_at[0]:
            await reader.until(f"{LENGTH} !== {length}")
            kills[-len(kill_at)].set()
            kill_at.pop(0)
        length = await burst
        await reader.until(f"{LENGTH} === {length}")
    for client in (writer, reader):
        assert await client.get(TEXT) == session.end
    assert await writer.get("closes.length") >= len(KILLS)


async def _replay_in_python(db: Any, session: Session) -> None:
    for start in range(0, len(session.patches), TRANSACTION_PATCHES):
        end = start + TRANSACTION_PATCHES
        while not await _written(db, session.patches, start, end):
            pass


async def _written(db: Any, patches: list[Patch], start: int, end: int) -> bool:
    """Carry out patches in one transaction; whether it happened, exactly once."""
    try:
        async with db.transaction() as tx:
            body = tx["paper/python"].text("body")
            for position, deleted, inserted in patches[start:end]:
                if deleted:
                    body.delete(position, deleted)
                if inserted:
                    body.insert(position, inserted)
    except pb.Unavailable:
        return False
    except pb.OutcomeUnknown:
        text = await (await (await db.collection("paper/python")).text("body")).value()
        assert text in (text_after(patches[:start]), text_after(patches[:end])), "a transaction is whole"
        return text == text_after(patches[:end])
    return True


async def _assert_stored(server: ServerProcess, node: NodeClients, session: Session) -> None:
    await server.restart()
    for room in ("paper/node", "paper/python"):
        fresh = await (await node.open(server.yjs, room)).synced()
        assert await fresh.get(TEXT) == session.end
    async with pb.connect(server.live) as db:
        await _assert_text(db, session)
    assert await server.stop() == 0
    async with pb.open(server.storage) as db:
        await _assert_text(db, session)


async def _assert_text(db: Any, session: Session) -> None:
    for name in ("paper/node", "paper/python"):
        assert await (await (await db.collection(name)).text("body")).value() == session.end
