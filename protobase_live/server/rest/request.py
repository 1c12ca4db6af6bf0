"""One request to the REST door, read from what ASGI tells of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, quote, unquote

from protobase_actors import in_steps
from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.model.nearest import did_you_mean
from protobase_live.server.accounts import Account
from protobase_live.server.asgi_types import Receive, Scope
from protobase_live.server.client_request import FORWARDED, ClientRequest
from protobase_live.server.proxies import NO_PROXIES, Proxies
from protobase_live.server.rest.answers import Refusal

BodyReader = Callable[[str, bytes], Awaitable[Any]]
"""Reads a body by its type, in small letters, and its bytes."""

MAX_PARAMETERS = 100
"""Most parameters of a query string; above it ValidationError."""


class Parameters(dict[str, str]):
    """Those of a query string by name; of one that was given several times, the last value."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(pairs)
        self._pairs = tuple(pairs)

    def all(self, name: str) -> list[str]:
        """All values of one that may be given several times, in order."""
        return [value for each, value in self._pairs if each == name]


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler is given."""

    root: str
    """The path below which the application is mounted."""
    method: str
    path: Mapping[str, str]
    """The parts of the path that stand for something, by name."""
    query: Parameters
    headers: Mapping[str, str]
    body: Any
    """The value in it; None for no body."""
    author: str | None
    """Who that is by his token, None if he may say so himself."""
    account: Account
    """What is counted for him."""
    expires: float | None = None
    """When his token ends, in seconds since 1970; None: never."""

    def count(self, name: str, default: int, most: int) -> int:
        """A whole number of the query string, from 1 to ``most``. Raises ValidationError."""
        text = self.query.get(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
            raise ValidationError(f"{name} is {values.short(text)}; expected a number from 1 to {most}")
        return int(text)

    def object(self) -> dict[str, Any]:
        """The body, which is an object. Raises ValidationError."""
        body = self.body
        if not isinstance(body, dict):
            raise ValidationError(f"the body is {values.short(body)}; expected a JSON object")
        return cast("dict[str, Any]", body)

    def fields(self, *required: str, optional: Sequence[str] = ()) -> dict[str, Any]:
        """The body, which is an object with these fields and no others. Raises ValidationError."""
        found = self.object()
        for name in required:
            if name not in found:
                raise ValidationError(f"the body has no field {name!r}")
        known = [*required, *optional]
        if unknown := found.keys() - known:
            name = min(unknown)
            near = did_you_mean(name, known)
            raise ValidationError(
                f"the body has a field {values.short(name)}, which means nothing here{near}"
            )
        return found


def segments(scope: Scope) -> list[str]:
    """The path behind the prefix that the application is mounted at, piece by piece as it was written.

    Slashes within a name are written ``%2F``, so the path is not decoded as a whole. The prefix is known as
    it reads, and a client may write any letter of it as ``%XX``; not every server has it in the path.
    """
    root = cast(str, scope.get("root_path", "")).split("/")[1:]
    raw = cast("bytes | None", scope.get("raw_path")) or quote(scope["path"]).encode()
    pieces = raw.partition(b"?")[0].decode("latin-1").split("/")[1:]
    is_below = [unquote(piece) for piece in pieces[: len(root)]] == root
    return pieces[len(root) :] if is_below else pieces


def plain(segment: str) -> str:
    """What a piece of a path says. Raises ValidationError."""
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise ValidationError(f"{segment!r} is no UTF-8") from None


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers, by their names in small letters; of several of one name they are joined."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def address_of(scope: Scope, headers: Mapping[str, str], proxies: Proxies) -> str | None:
    """From where a request comes, as it counts; None where the server does not say."""
    return proxies.client(_host(scope), headers.get(FORWARDED, ""))


def request_of_scope(scope: Scope, proxies: Proxies = NO_PROXIES) -> ClientRequest:
    """The request of which ASGI tells so much."""
    headers = headers_of(scope)
    address = proxies.source(_host(scope), headers.get(FORWARDED, ""))
    return ClientRequest(None, scope.get("path", ""), headers, address)


def _host(scope: Scope) -> str | None:
    host, _ = scope.get("client") or (None, 0)
    return host


def query_of(scope: Scope) -> Parameters:
    """The parameters of the query string. Raises ValidationError."""
    try:
        text = scope.get("query_string", b"").decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise ValidationError(f"the query string cannot be read: {error}") from None
    return Parameters(pairs)


async def value_of(body: bytes, headers: Mapping[str, str], parse: BodyReader) -> Any:
    """What ``parse`` reads in the body. Raises ValidationError and Refusal."""
    kind = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    try:
        return await parse(kind, body)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValidationError(f"the body cannot be read: {error}") from None


async def value_in_body(kind: str, body: bytes) -> Any:
    """The value in a body of JSON, None for no body. Raises ValueError where it is none, Refusal for another
    type.
    """
    if not body:
        return None
    if kind != "application/json":
        error = ValidationError(f"the body is {kind}; this door takes application/json")
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error)
    return await in_steps(values.from_json_in_steps(body.decode()))


async def disconnected(receive: Receive) -> None:
    """Wait until the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
