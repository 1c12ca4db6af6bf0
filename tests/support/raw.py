"""Bare WebSocket clients of the Yjs door: what a stock provider never does, and what it is sent."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from pycrdt import Doc, Text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from protobase_live.protocol.yjs import messages as yjs
from tests.support.yjs_node import WAIT_SECONDS


async def dial(url: str, room: str, query: str = "") -> ClientConnection:
    """A connection to a collection that has said nothing yet."""
    return await connect(f"{url}/{quote(room, safe='/')}{query}", compression=None, max_size=None)


async def join(url: str, room: str, doc: Doc) -> ClientConnection:
    """A connection whose document has got everything there is."""
    connection = await dial(url, room)
    await connection.send(yjs.encode_step1(doc.get_state()))
    answered = False
    while not answered:
        message = await receive(connection)
        answered = isinstance(message, yjs.SyncStep2)
        apply(doc, message)
    return connection


async def type_in(url: str, room: str, name: str, text: str) -> None:
    """Write at the beginning of a text as a Yjs client, which no program has ever written."""
    doc: Doc = Doc()
    connection = await join(url, room, doc)
    before = doc.get_state()
    doc.get(name, type=Text).insert(0, text)
    await connection.send(yjs.encode_update(doc.get_update(before)))
    await connection.close()


async def receive(connection: ClientConnection) -> yjs.Message | None:
    """The next message, None for one of a type that is not known."""
    async with asyncio.timeout(WAIT_SECONDS):
        frame = await connection.recv()
    assert isinstance(frame, bytes)
    return yjs.decode(frame)


def apply(doc: Doc, message: yjs.Message | None) -> None:
    """Take an update into a document; any other message is none of its business."""
    if isinstance(message, yjs.SyncStep2 | yjs.Update):
        doc.apply_update(message.update)


async def close_code(connection: ClientConnection) -> int | None:
    """Wait until the server closes the connection; its close code."""
    try:
        while True:
            await receive(connection)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
