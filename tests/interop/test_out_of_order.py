"""Updates that come through the door in another order than they were made in are all there in the end."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from itertools import permutations

import pytest
from pycrdt import Doc
from websockets.asyncio.client import ClientConnection

from protobase_live.protocol.yjs import messages as yjs
from tests.support import raw
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

UPDATES = [
    b64decode(each)
    for each in ("AQMgAAcBAWEBKAAgAAF6AX0BBAEBdANhYjIA", "AQEgBSgBAW0CazIBfQMA", "AQEgBsQgAiADA2FiNQA=")
]
"""Three updates of one client. Applied as (2, 3, 1) or (3, 2, 1), pycrdt 0.14 loses the third for good."""

TEXT = "doc.getText('t').toString()"
WHOLE = "aab5b2"


@pytest.mark.parametrize("clients", [1, 3])
async def test_in_any_order(server: ServerProcess, node: NodeClients, clients: int):
    rooms = {"".join(str(at) for at in order): order for order in permutations(range(len(UPDATES)))}
    for room, order in rooms.items():
        connections = [await raw.dial(server.yjs, room) for _ in range(clients)]
        for turn, at in enumerate(order):
            await send(connections[turn % clients], UPDATES[at])
        await asyncio.gather(*(connection.close() for connection in connections))
    assert await shown(server, node, list(rooms)) == dict.fromkeys(rooms, WHOLE)
    await server.restart()
    assert await shown(server, node, list(rooms)) == dict.fromkeys(rooms, WHOLE)


async def send(connection: ClientConnection, update: bytes) -> None:
    """Send it, and wait until the server has taken it."""
    await connection.send(yjs.encode_update(update))
    await connection.send(yjs.encode_step1(Doc().get_state()))
    while not isinstance(await raw.receive(connection), yjs.SyncStep2):
        pass


async def shown(server: ServerProcess, node: NodeClients, rooms: list[str]) -> dict[str, str]:
    """What a fresh Yjs client reads in each room."""
    return {room: await (await (await node.open(server.yjs, room)).synced()).get(TEXT) for room in rooms}
