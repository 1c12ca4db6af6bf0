"""Connecting to a server's live door."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random, SystemRandom
from urllib.parse import urlsplit

from websockets.asyncio import client as websockets
from websockets.typing import Subprotocol

from protobase_actors import Clock, SystemClock
from protobase_live.client.limits import ClientLimits
from protobase_live.client.link import Dial, Link, Transport
from protobase_live.client.remote_database import RemoteDatabase
from protobase_live.client.remote_presence import PresenceTables
from protobase_live.errors import ProtocolError, ValidationError
from protobase_live.limits import check_limits
from protobase_live.protocol.client_messages import Hello
from protobase_live.protocol.client_session import ClientSession
from protobase_live.protocol.codec import CODECS, Codec, MsgpackCodec


@asynccontextmanager
async def connect(
    url: str,
    token: str | None = None,
    *,
    name: str = "protobase-live python",
    subprotocol: str = MsgpackCodec.subprotocol,
    limits: ClientLimits | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
    dial: Dial | None = None,
) -> AsyncGenerator[RemoteDatabase]:
    """The database behind ``url``, such as ``ws://127.0.0.1:8765/live``, until the block ends.

    ``name`` is what the server may show for this client; ``clock``, ``random`` and ``dial`` (which opens
    a connection) are for tests.

    Raises:
        Unavailable: there was no connection within ``limits.connect_seconds``.
        Unauthorized: the token was not accepted.
        ProtocolError: what answers is not this protocol.
        ValidationError: the address is none, the subprotocol unknown, or the limits are of another class.
    """
    codec = CODECS.get(subprotocol)
    if codec is None:
        raise ValidationError(f"subprotocol {subprotocol!r} is none of {', '.join(CODECS)}")
    check_limits(limits=(limits, ClientLimits))
    limits = limits or ClientLimits()
    random = random or SystemRandom()
    tables = PresenceTables()
    link = Link(
        dial or _dial(_checked(url), codec, limits),
        ClientSession(codec, Hello(token, name), credit=limits.credit, max_calls=limits.calls),
        clock=clock or SystemClock(),
        random=random,
        limits=limits,
        on_presence=tables.changed,
    )
    await link.open()
    try:
        yield RemoteDatabase(link, tables, random)
    finally:
        await link.close()


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValidationError(f"{url!r} is no address of a live door; write it like ws://127.0.0.1:8765/live")
    return url


def _dial(url: str, codec: Codec, limits: ClientLimits) -> Dial:
    async def dial() -> Transport:
        connection = await websockets.connect(
            url,
            subprotocols=[Subprotocol(codec.subprotocol)],
            compression=None,
            max_size=limits.answer_bytes,
            open_timeout=None,  # the link has a deadline for all of it
            close_timeout=limits.close_seconds,
            ping_interval=None,  # the link asks by itself
        )
        if connection.subprotocol != codec.subprotocol:
            await connection.close()
            raise ProtocolError(f"the server at {url} does not speak {codec.subprotocol}")
        return connection

    return dial
