"""The address of a server's live door, and what is said of one that is wrong."""

from __future__ import annotations

import errno
import socket
import ssl
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.http11 import Response

from protobase_live.errors import ProtoBaseError, ProtocolError, Unauthorized, Unavailable, ValidationError
from protobase_live.model.values import quoted
from protobase_live.protocol.live.over_http import PATH

_SCHEMES = {"http": "ws", "https": "wss"}

_EXAMPLE = "ws://127.0.0.1:8765/live"

_PASSING = (408, 425, 429)
"""HTTP statuses below 500 that may be others a moment later."""


def live_url(url: str) -> str:
    """The live door at ``url``, which may also be the address of the server, as `serve` prints it.

    Raises ValidationError for what is no address of a server.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is none
    except ValueError as error:
        raise ValidationError(f"a server's address is like {_EXAMPLE}, and this is none: {error}") from None
    scheme, shown = _SCHEMES.get(parts.scheme, parts.scheme), quoted(without_secrets(url))
    if scheme in ("file", "memory"):
        raise ValidationError(f"{shown} is a storage: use pb.open; a server is at an address like {_EXAMPLE}")
    if scheme not in ("ws", "wss") or not parts.hostname:
        raise ValidationError(f"{shown} is no address of a live door; write it like {_EXAMPLE}")
    if parts.path.startswith("/yjs/"):
        raise ValidationError(
            f"{shown} is for Yjs clients; the live door is at {scheme}://{_host(parts)}/live"
        )
    return urlunsplit(parts._replace(scheme=scheme, path=parts.path.rstrip("/") or "/live"))


def events_url(url: str, subprotocol: str) -> str:
    """Where the live door at ``url`` is reached over HTTP; both are written as addresses of WebSockets."""
    parts = urlsplit(url)
    asked = urlencode({"subprotocol": subprotocol})
    query = f"{parts.query}&{asked}" if parts.query else asked
    path = f"{parts.path.rstrip('/')}/{PATH}"
    return urlunsplit(parts._replace(path=path, query=query))


def may_be_blocked(loss: BaseException | None) -> bool:
    """Whether a WebSocket did not open, and that may be the fault of something in between."""
    if isinstance(loss, InvalidStatus):
        return not _is_ours(loss.response)
    return isinstance(loss, InvalidHandshake | TimeoutError | ConnectionResetError | BrokenPipeError)


def _is_ours(response: Response) -> bool:
    """Whether a server of this package has answered, as far as what is in between lets it be seen."""
    return response.headers.get("Server") == "protobase-live"


def without_secrets(url: str) -> str:
    """An address to be shown: what may be a password or a token is left out."""
    try:
        parts = urlsplit(url)
    except ValueError:  # it is refused when it is used
        return "?"
    return urlunsplit(parts._replace(netloc=_host(parts), query="", fragment=""))


def _host(parts: SplitResult) -> str:
    """Host and port, without a name and a password."""
    return parts.netloc.rpartition("@")[2]


def refusal(url: str, loss: Exception) -> ProtoBaseError | None:
    """Why nothing can be reached at ``url`` although one waits; None for what may pass."""
    url = without_secrets(url)
    parts = urlsplit(url)
    if isinstance(loss, InvalidStatus):
        return _refused(url, loss.response.status_code)
    if isinstance(loss, ssl.SSLCertVerificationError):
        return Unavailable(f"the certificate of {parts.hostname} is not accepted: {loss.verify_message}")
    if isinstance(loss, ssl.SSLError):
        return ProtocolError(f"what listens at {parts.netloc} does not speak TLS; write ws:// for wss://")
    if isinstance(loss, ConnectionResetError) and parts.scheme == "wss":
        return Unavailable(f"{parts.netloc} broke off; if it does not speak TLS, write ws:// for wss://")
    if isinstance(loss, InvalidMessage):
        kind = Unavailable if isinstance(loss.__cause__, EOFError) else ProtocolError
        return kind(
            f"{parts.netloc} does not answer as a server does; if it speaks TLS, write wss:// for ws://"
        )
    if isinstance(loss, socket.gaierror) and loss.errno == socket.EAI_NONAME:
        return Unavailable(f"there is no host {parts.hostname!r}")
    if nothing_listens(loss):
        return Unavailable(
            f"nothing listens at {parts.netloc}: is the server running, and is the port right?"
        )
    return None


def _refused(url: str, status: int) -> ProtoBaseError | None:
    if status in (401, 403):
        return Unauthorized(f"{url} answers HTTP {status}")
    if status >= 500 or status in _PASSING:
        return None
    parts = urlsplit(url)
    return ProtocolError(
        f"{url} answers HTTP {status} and opens no connection; the live door of a server is at "
        f"{parts.scheme}://{parts.netloc}/live"
    )


def nothing_listens(loss: Exception) -> bool:
    """Whether nothing listens at any address of the host: of several, asyncio tells in words alone."""
    several = str(loss).startswith("Multiple exceptions: ")
    return isinstance(loss, ConnectionRefusedError) or (
        several and f"[Errno {errno.ECONNREFUSED}]" in str(loss)
    )
