"""The keys of whoever makes tokens, fetched from a URL (a JWK set, RFC 7517) and kept."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from protobase_actors import Clock, mark_heard, within
from protobase_live.errors import Unavailable, ValidationError
from protobase_live.server.limits import ServerLimits
from protobase_live.server.origins import is_loopback
from protobase_live.server.token_keys import keys_in, require_library, to_choose_of

if TYPE_CHECKING:
    from protobase_live.server.token_keys import Keys

CHUNK_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


def is_url(keys: str | Path) -> bool:
    """Whether they are behind a URL, and in no file."""
    return isinstance(keys, str) and "://" in keys


class RemoteKeys:
    """Fetches them in a thread, one at a time, when somebody asks for them."""

    def __init__(self, url: str, kind: str, clock: Clock, limits: ServerLimits) -> None:
        """``kind`` is the type of the keys that are wanted.

        Raises ValidationError for what is no URL of https, or of http at this machine, and for secrets.
        """
        require_library()
        self._where = _shown(url)
        if kind == "oct":
            raise ValidationError("a secret is not fetched: name a file")
        self._url = url
        self._kind = kind
        self._clock = clock
        self._limits = limits
        self._keys: Keys | None = None
        self._known = 0.0
        """When they came, in seconds of the clock."""
        self._tried: float | None = None
        """When they were asked for last."""
        self._fetching: asyncio.Task[Keys] | None = None

    async def get(self) -> Keys:
        """Those that are known; fetched the first time. What is old is fetched again, and used meanwhile.

        Raises Unavailable while there have never been any.
        """
        if self._keys is None:
            return await self._fetched()
        if self._clock.monotonic() - self._known >= self._limits.jwks_age_seconds:
            self._begin()
        return self._keys

    async def get_newer(self) -> Keys:
        """Fetched anew, for one that is not among those that are known.

        Raises Unavailable if they cannot be, or were asked for less than ``jwks_retry_seconds`` ago.
        """
        return await self._fetched()

    async def _fetched(self) -> Keys:
        fetching = self._begin()
        if fetching is None:
            raise Unavailable("the keys of tokens were asked for a moment ago; come back soon")
        try:
            return await within(self._clock, self._limits.jwks_seconds, _shielded(fetching))
        except TimeoutError:
            late = f"no answer within {self._limits.jwks_seconds:g} seconds (jwks_seconds)"
            self._tell_failed(late)
            raise Unavailable("the keys of tokens cannot be fetched now") from None

    def _begin(self) -> asyncio.Task[Keys] | None:
        """What fetches them; None if it is too soon."""
        if self._fetching is None or self._fetching.done():
            now = self._clock.monotonic()
            if self._tried is not None and now - self._tried < self._limits.jwks_retry_seconds:
                return None
            self._tried = now
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
            self._fetching.add_done_callback(mark_heard)
        return self._fetching

    async def _fetch(self) -> Keys:
        began = self._clock.monotonic()
        limits = self._limits.jwks_seconds, self._limits.jwks_bytes
        try:
            self._keys = await asyncio.to_thread(_fetch, self._url, self._where, self._kind, *limits)
        except (OSError, ValueError, ValidationError) as error:
            kept = "" if self._keys is None else "; those that are known are kept"
            self._tell_failed(f"{error}{kept}")
            raise Unavailable("the keys of tokens cannot be fetched now") from None
        self._known = began
        return self._keys

    def _tell_failed(self, why: str) -> None:
        fields = {"event": "keys_failed", "address": self._where}
        _log.error("keys of tokens could not be fetched: %s: %s", self._where, why, extra=fields)


def _shown(url: str) -> str:
    """A URL without what may be a secret. Raises ValidationError for what keys may not be fetched from."""
    try:
        parts = urlsplit(url)
    except ValueError:  # an address that is none
        parts = urlsplit("")
    host = parts.hostname or ""
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise ValidationError("keys are fetched by https://HOST/..., or by http:// from this machine alone")
    netloc = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=netloc, query="", fragment=""))


async def _shielded(fetching: asyncio.Task[Keys]) -> Keys:
    return await asyncio.shield(fetching)


def _fetch(url: str, where: str, kind: str, seconds: float, most_bytes: int) -> Keys:
    """Runs in a thread. Raises OSError, ValueError and ValidationError."""
    from http.client import HTTPException
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """Goes nowhere else: who is asked is who was named."""

        def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
            return None

    until = time.monotonic() + seconds
    content = bytearray()
    try:
        with build_opener(Stay).open(url, timeout=seconds) as answer:
            while chunk := answer.read1(CHUNK_BYTES):
                content += chunk
                if len(content) > most_bytes:
                    raise ValueError(f"it has more than {most_bytes} bytes (jwks_bytes)")
                if time.monotonic() > until:
                    raise TimeoutError(f"it takes more than {seconds:g} seconds (jwks_seconds)")
    except HTTPException as error:
        raise OSError(f"it does not answer as a server does: {type(error).__name__}") from None
    return to_choose_of(keys_in(bytes(content), kind, where))
