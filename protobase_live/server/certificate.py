"""A server's certificate and key in files, which are read again when they have changed."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from protobase_actors import Clock
from protobase_live.errors import ValidationError

_log = logging.getLogger(__name__)

Stamp = tuple[int, int, int] | None
"""What tells one content of a file from another: its inode, size and time. None: it is not there."""


class Certificate:
    """PEM files, and ``context``, which has for each new connection what they held when last looked at."""

    def __init__(self, cert: str, key: str | None = None) -> None:
        """A certificate with what else it is signed with, and its key, in ``key`` or in the same file.

        Raises ValidationError, which names the file that is not good.
        """
        self._cert = cert
        self._key = key
        self._stamps = self._look()
        self.context = self._load_into(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))

    def refresh(self) -> None:
        """Read the files if they have changed. Those that do not belong together, as while one of two has
        been replaced, are left alone, and what there was is kept."""
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            # Elsewhere first: a context that has taken a certificate without its key would serve nobody.
            self._load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load_into(self.context)
        except ValidationError as error:
            _log.warning("%s; the one before is kept", error, extra={"event": "certificate_refused"})
        else:
            _log.info("a new certificate: %s", self._cert, extra={"event": "certificate_read"})

    @asynccontextmanager
    async def refreshed(self, clock: Clock, seconds: float) -> AsyncGenerator[None]:
        """Inside the block the files are looked at each so many seconds."""

        async def refresh_again_and_again() -> None:
            while True:
                await clock.sleep(seconds)
                self.refresh()

        refreshing = asyncio.ensure_future(refresh_again_and_again())
        try:
            yield
        finally:
            refreshing.cancel()

    def _look(self) -> Sequence[Stamp]:
        """Before the files are read, so that what is written meanwhile is noticed the next time."""
        return [_stamp(each) for each in (self._cert, self._key) if each is not None]

    def _load_into(self, context: ssl.SSLContext) -> ssl.SSLContext:
        files = self._cert if self._key is None else f"{self._cert}, {self._key}"
        try:
            context.load_cert_chain(self._cert, self._key, password=_no_password)
        except FileNotFoundError as error:
            raise ValidationError(f"{files}: {error.strerror} (--tls-cert, --tls-key)") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ValidationError(f"{files}: no certificate and key that belong together: {reason}") from None
        return context


def _stamp(file: str) -> Stamp:
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _no_password() -> str:
    raise ValueError("the key has a password: give one without")
