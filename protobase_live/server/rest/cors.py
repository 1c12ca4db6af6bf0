"""Which pages may ask a door over HTTP, and what their browsers are told of that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from protobase_live.errors import Unauthorized
from protobase_live.server.asgi_types import Scope
from protobase_live.server.rest.answers import Headers, Refusal

Refuses = Callable[[Sequence[str], Sequence[str]], str | None]

MAX_AGE_SECONDS = 600
"""How long a browser need not ask again."""


class Cors:
    """The headers of a door for pages of other origins (https://fetch.spec.whatwg.org/#http-cors-protocol)."""

    def __init__(self, refusal: Refuses, methods: str, asked: str, told: str = "") -> None:
        """``refusal`` says why who comes with these headers ``Origin`` and ``Host`` may not ask, or None.

        ``asked`` and ``told`` name the headers of requests and answers that are no matter of course.
        """
        self._refusal = refusal
        self._methods = methods
        self._asked = asked
        self._told = told

    def headers(self, scope: Scope, headers: Mapping[str, str]) -> Headers:
        """Those that let pages of the request's origin read the answer. Raises Refusal."""
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"origin"]
        if forbidden := self._refusal(origins, [headers.get("host", "")]):
            raise Refusal(HTTPStatus.FORBIDDEN, Unauthorized(forbidden))
        return self._headers(origins[0], scope["method"]) if origins else ()

    def _headers(self, origin: str, method: str) -> Headers:
        headers = [("access-control-allow-origin", origin), ("vary", "Origin")]
        if method == "OPTIONS":
            headers += [
                ("access-control-allow-methods", self._methods),
                ("access-control-allow-headers", self._asked),
                ("access-control-max-age", str(MAX_AGE_SECONDS)),
            ]
        elif self._told:
            headers.append(("access-control-expose-headers", self._told))
        return headers
