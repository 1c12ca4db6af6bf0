"""Beginning to listen on a port, so that nothing is left of it where it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from protobase_live.protocol.live.codec import SUBPROTOCOLS
from protobase_live.server.connection import Connection
from protobase_live.server.handshake_log import handshake_log
from protobase_live.server.limits import ServerLimits
from protobase_live.server.subprotocols import choose_subprotocol
from protobase_live.server.traffic import LIVE_QUEUE

if TYPE_CHECKING:
    from ssl import SSLContext


class Listener(Protocol):
    """A server of asyncio or of websockets."""

    def close(self) -> None:
        """Listen no more."""
        ...


L = TypeVar("L", bound=Listener)


async def listening(begun: Awaitable[L]) -> L:
    """What ``begun`` gives. Raises OSError where the port cannot be had.

    The sockets of asyncio listen already while it waits for a round of the event loop, and are nobody's if
    it is cancelled then. So it is not, and whoever is cancelled meanwhile closes them.
    """
    beginning = asyncio.ensure_future(begun)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        with suppress(OSError):
            (await beginning).close()
        raise


def accepting(
    handle: Callable[[ServerConnection], Awaitable[None]],
    connection: Callable[..., Connection],
    route: Callable[[ServerConnection, Request], Awaitable[Response | None] | Response | None],
    hello_bytes: int,
    limits: ServerLimits,
    tls: SSLContext | None,
    **where: Any,
) -> Awaitable[Server]:
    """Accept WebSockets ``where`` that says; ``route`` answers requests, ``connection`` makes those."""
    return serve(
        handle,
        **where,
        create_connection=cast("type[Connection]", connection),
        process_request=route,
        subprotocols=[Subprotocol(name) for name in SUBPROTOCOLS],
        select_subprotocol=choose_subprotocol,
        compression=None,
        max_size=hello_bytes,
        max_queue=LIVE_QUEUE,
        open_timeout=limits.handshake_seconds,
        ping_interval=None,  # a task for each connection takes a tenth of its memory
        close_timeout=limits.close_seconds,
        server_header="protobase-live",
        logger=handshake_log(),
        ssl=tls,
        ssl_handshake_timeout=None if tls is None else limits.handshake_seconds,
    )
