"""A recorded editing session, replayed by a stock Yjs client and by a Python client at once, while the
server is killed and started again."""

from __future__ import annotations

import asyncio
from typing import Any

import protobase_live as pb
from tests.support.editing_session import Patch, Session, load, text_after
from tests.support.server_process import ServerProcess
from tests.support.session_replay import TEXT, Kills, replay_in_node
from tests.support.yjs_node import NodeClients

BURST_PATCHES = 2_000
TRANSACTION_PATCHES = 500
KILLS = (0.2, 0.5, 0.8)
"""Where in the session the server is killed, as parts of it."""


def test_a_session_ends_as_it_says():
    session = load()
    assert text_after(session.patches) == session.end


async def test_replay_with_kills(server: ServerProcess, node: NodeClients):
    session = load()
    kills = Kills(KILLS)
    async with pb.connect(server.live) as db:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(replay_in_node(server, node, session, "paper/node", kills, BURST_PATCHES))
            tasks.create_task(_replay_in_python(db, session))
            tasks.create_task(kills.restart(server))
        body = await (await db.collection("paper/python")).text("body")
        assert await body.value() == session.end
    await _assert_stored(server, node, session)


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
