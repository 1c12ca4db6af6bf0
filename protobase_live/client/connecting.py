"""Connecting to a server's live door."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random, SystemRandom
from ssl import SSLContext
from typing import Any

from protobase_actors import Clock, SystemClock
from protobase_live.client.address import live_url, refusal, without_secrets
from protobase_live.client.doors import Doors
from protobase_live.client.limits import ClientLimits
from protobase_live.client.link import Link, OnConnection
from protobase_live.client.remote_database import RemoteDatabase
from protobase_live.client.remote_presence import PresenceTables
from protobase_live.client.tokens import Token, Tokens
from protobase_live.client.transport import Dial
from protobase_live.client.ways import WAYS, Way, Ways
from protobase_live.errors import ValidationError
from protobase_live.handles.entering import Entering
from protobase_live.limits import check_limits
from protobase_live.model.arguments import require, require_secret, text, texts
from protobase_live.model.values import quoted
from protobase_live.protocol.live.client_session import ClientSession
from protobase_live.protocol.live.codec import CODECS, MsgpackCodec


def connect(
    url: str | Sequence[str],
    token: Token = None,
    *,
    name: str = "protobase-live python",
    subprotocol: str = MsgpackCodec.subprotocol,
    transport: Way = "auto",
    tls: SSLContext | None = None,
    limits: ClientLimits | None = None,
    on_connection: OnConnection | None = None,
    clock: Clock | None = None,
    random: Random | None = None,
    dial: Dial | None = None,
) -> Entering[RemoteDatabase]:
    """The database behind ``url``, such as ``ws://127.0.0.1:8765/live``, until the block ends: ``async with``
    it. Or ``await`` it and call ``close()`` in the end.

    An address without a path, as `serve` prints it, is that of the live door there. Of several servers of the
    same database the first is drawn at random; when it is lost, refuses or stops, another takes its place,
    and what this client was acknowledged is read there, too.

    Where something in between lets no WebSocket through, the same is said over HTTP. ``transport`` chooses
    one of them, ``"websocket"`` or ``"http"``.

    ``tls`` is for addresses of ``wss://`` whose certificates this machine does not trust by itself:
    ``ssl.create_default_context(cafile="ca.pem")``.

    ``token`` is what the server's operator gave out, or a function, plain or async, that gives a fresh one:
    it is asked at each connection, and some seconds before the server ends one with its token. If it raises,
    the first connection fails at once, with that as the cause; later ones log it once and ask again, unless
    it raises Unauthorized. One that raises Unavailable is asked again at first, too. A plain one must not
    wait.

    ``name`` is what the server may show for this client. ``on_connection`` is told why the connection was
    lost, and None when there is another; it must not wait. ``clock``, ``random`` and ``dial`` (which opens a
    connection to an address) are for tests.

    Raises:
        Unavailable: nothing listens at any address, there was no connection within
            ``limits.connect_seconds``, or the function that gives a token failed.
        Unauthorized: the token was not accepted.
        ProtocolError: what answers is not this protocol.
        ValidationError: an address is none, the list of them empty, the subprotocol or transport unknown, or
            the limits are of another class.
    """

    check_limits(limits=(limits, ClientLimits))
    right = "an address such as 'ws://127.0.0.1:8765/live', or a list of them"
    urls = [url] if isinstance(url, str) else texts("pb.connect", right, url)
    text("name=", name)
    _require_types(token, tls, on_connection)
    shown = ", ".join(map(without_secrets, urls))

    codec = CODECS.get(subprotocol)
    if codec is None:
        raise ValidationError(f"subprotocol {subprotocol!r} is none of {', '.join(CODECS)}")
    if transport not in WAYS:
        raise ValidationError(f"transport {transport!r} is none of {', '.join(WAYS)}")
    if not urls:
        raise ValidationError("connect() takes the address of a server, or several, not an empty list")

    async def begin() -> RemoteDatabase:
        bounds, drawn, tables = limits or ClientLimits(), random or SystemRandom(), PresenceTables()
        timed = clock or SystemClock()
        doors = Doors(list(dict.fromkeys(map(live_url, urls))), clock=timed, random=drawn, limits=bounds)
        ways = Ways(transport, codec.subprotocol, timed, bounds, doors.patience_at, tls)
        link = Link(
            doors,
            dial or ways.dial,
            ClientSession(
                codec,
                name,
                credit=bounds.credit,
                max_calls=bounds.calls,
                max_seen=bounds.seen_collections,
            ),
            Tokens(token),
            clock=timed,
            limits=bounds,
            on_presence=tables.changed,
            on_end=tables.ended,
            refusal=refusal,
            on_connection=on_connection,
        )
        await link.open()
        return RemoteDatabase(link, tables, drawn, shown, bounds)

    return Entering(begin, f"RemoteDatabase {quoted(shown)}")


def _require_types(token: Any, tls: Any, on_connection: Any) -> None:
    """Raises ValidationError."""
    fits = token is None or isinstance(token, str) or callable(token)
    require_secret(fits, "token=", "a str or a function that gives one", token)
    require(tls is None or isinstance(tls, SSLContext), "tls=", "an ssl.SSLContext", tls)
    is_function = on_connection is None or callable(on_connection)
    require(is_function, "on_connection=", "a function of the loss", on_connection)
