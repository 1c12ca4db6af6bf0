"""Which web pages may connect.

A browser lets every page open WebSockets to any server, also to one that only this machine can reach; all
that the server learns is the page's origin. Programs other than browsers send none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from protobase_live.errors import ValidationError
from protobase_live.model.arguments import texts

EVERY = "*"
"""Stands for every origin in a list of those that are allowed."""

OPAQUE = "null"
"""What browsers send for pages without an origin: files, and frames in a sandbox."""


class Origins:
    """The origins that a server allows."""

    def __init__(self, allowed: Iterable[str], host: str, *, strict: bool = False) -> None:
        """``allowed`` beside the pages of the server's own host, which listens on ``host``.

        A server that listens on a loopback address has only pages of loopback addresses as its own,
        whatever host a page asked for: names can be made to stand for any address. Without ``allowed``,
        a server on any other address takes all pages, unless it is ``strict``. Raises ValidationError for
        what is no origin.
        """
        self._allowed = {
            _checked(origin)
            for origin in texts("origins=", "a list such as ['https://app.example.com']", allowed)
        }
        self._loopback = is_loopback(host)
        self._takes_all = EVERY in self._allowed or not (strict or self._loopback or self._allowed)

    def refusal(self, origins: Sequence[str], hosts: Sequence[str]) -> str | None:
        """Why a handshake with these headers ``Origin`` and ``Host`` is refused; None if it is not."""
        if not origins or self._takes_all:
            return None
        origin = origins[0].lower()
        if len(origins) == 1 and (origin in self._allowed or self._is_own(origin, hosts)):
            return None
        return f"pages of {origins[0]!r} may not connect here; the server's option --origin allows them"

    def request_refusal(self, origins: Sequence[str], hosts: Sequence[str]) -> str | None:
        """The same for a request over HTTP.

        Browsers send no origin with what only reads, of pages of the host that they ask. So a loopback server
        looks at the host there: a page that made its own name stand for this machine would read everything.
        """
        if origins or self._takes_all or not self._loopback:
            return self.refusal(origins, hosts)
        strange = [each for each in hosts if each and not self._is_known(_host(f"//{each}"))]
        if not strange:
            return None
        return f"{strange[0]!r} is no name of this machine; the server's option --origin allows its pages"

    def _is_known(self, host: str) -> bool:
        return is_loopback(host) or host in map(_host, self._allowed)

    def _is_own(self, origin: str, hosts: Sequence[str]) -> bool:
        host = _host(origin)
        if self._loopback:
            return is_loopback(host)
        return bool(host) and [host] == [_host(f"//{each}") for each in hosts]


def _checked(origin: str) -> str:
    text = origin.rstrip("/").lower()
    if text in (EVERY, OPAQUE):
        return text
    if not _host(text) or text.count("/") != 2 or text.startswith("//"):
        raise ValidationError(f"{origin!r} is no origin; write it like 'https://app.example.com'")
    return text


def _host(url: str) -> str:
    if "@" in url:  # nobody logs in: what stands before it would be the name that was asked for
        return ""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # a page cannot have such an origin
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host, by its name or address, is this machine for itself alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # another name
        return False
