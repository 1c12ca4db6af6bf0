"""What the first bytes of a connection say of who is to serve it."""

from __future__ import annotations

import re

from protobase_live.server.paths import HTTP_PREFIXES

_HTTP = re.compile(
    rb"GET (?:%b|(?i:http))|(?!GET )[!-~]{1,20} [!-~]"
    rb"|GET [^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n[!-~]{1,20} [!-~]"
    % "|".join(map(re.escape, HTTP_PREFIXES)).encode()
)
"""How a request begins that the WebSocket library cannot answer: it is for one of `HTTP_PREFIXES`, names a
whole URL as proxies do, or is no GET, or another one has come with it."""
_TELLING_BYTES = 64
"""With so many bytes of a request it is known whether it is one of these."""


def is_for_http(data: bytes) -> bool | None:
    """Whether it begins with a request that the WebSocket library cannot answer; None: that is open yet."""
    if _HTTP.match(data) is not None:
        return True
    return None if b"\n" not in data and len(data) < _TELLING_BYTES else False
