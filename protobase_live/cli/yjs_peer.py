"""A short visit through a server's Yjs door, to bring updates."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from protobase_live.client.address import without_secrets
from protobase_live.errors import ProtocolError, Unavailable, ValidationError
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.state_vector import EMPTY_STATE
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE

MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
"""Largest document that is fetched; a larger one closes the connection."""


MAX_SENT_BYTES = 64 * 1024 * 1024 - 64
"""Largest update that is sent: servers take messages as long as a document may be, by default 64 MiB."""


async def bring(url: str, collection: str, token: str | None, updates: Sequence[bytes]) -> None:
    """Add updates to a collection; durable on return.

    Raises Unavailable, ProtocolError, and ValidationError for an update that is too large for a message.
    """
    if (largest := max(map(len, updates), default=0)) > MAX_SENT_BYTES:
        raise ValidationError(
            f"collection {collection!r} has an update of {largest} bytes, and a server takes "
            f"{MAX_SENT_BYTES}; import it into the storage while no server has it open"
        )
    async with _visiting(url, collection, token) as connection:
        for update in updates:
            await connection.send(yjs.encode_update(update))
        await _state(connection)  # what an answer shows is durable


@asynccontextmanager
async def _visiting(url: str, collection: str, token: str | None) -> AsyncGenerator[ClientConnection]:
    try:
        async with connect(
            _address(url, collection, token), compression=None, max_size=MAX_DOCUMENT_BYTES
        ) as connection:
            yield connection
    except ConnectionClosed as error:
        said = error.rcvd.reason if error.rcvd else "connection lost"
        raise Unavailable(
            f"{without_secrets(url)} closed the connection for collection {collection!r}: {said}"
        ) from error
    except (OSError, InvalidHandshake, InvalidURI) as error:
        raise Unavailable(f"cannot connect to {without_secrets(url)}: {error}") from error


async def _state(connection: ClientConnection) -> list[bytes]:
    """Everything, as updates: sync step 2 comes last. What is empty is left out."""
    updates: list[bytes] = []
    await connection.send(yjs.encode_step1(EMPTY_STATE))
    async for frame in connection:
        if isinstance(frame, str):
            raise ProtocolError("the Yjs door sent a text message")
        message = yjs.decode(frame)
        if isinstance(message, (yjs.SyncStep2, yjs.Update)) and message.update != EMPTY_UPDATE:
            updates.append(message.update)
        if isinstance(message, yjs.SyncStep2):
            return updates
    raise Unavailable("the server closed the connection")


def _address(url: str, collection: str, token: str | None) -> str:
    """The collection's Yjs door at the server whose address, perhaps of its live door, is ``url``."""
    parts = urlsplit(url)
    query = urlencode({"import": 1} | ({"token": token} if token else {}))
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, f"/yjs/{quote(collection)}", query, ""))
