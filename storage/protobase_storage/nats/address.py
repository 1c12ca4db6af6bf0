"""Addresses of streams: ``nats://HOST[:PORT][,HOST[:PORT]]/STREAM``, with options behind ``?``.

``snapshots`` is the address of a bucket as `cloud.address` reads it, with ``&`` written as ``%26``:
``?snapshots=s3://BUCKET/PREFIX?endpoint=URL%26region=NAME``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from ..cloud import address as cloud
from ..cloud.address import CloudAddress

SCHEME = "nats"

OPTIONS = ("replicas", "credentials", "snapshots")

FORM = "nats://HOST[:PORT][,HOST[:PORT]...]/STREAM"

_STREAM = re.compile(r"[A-Za-z0-9_-]{1,64}")

MOST_REPLICAS = 5
"""As many as JetStream keeps of a stream."""


@dataclass(frozen=True, slots=True)
class NatsAddress:
    """Where a stream is. `replicas` is what it is made with if it is not there yet (None: 1), `credentials`
    a file in NATS's own format, `snapshots` the bucket for large snapshots (None: they are in the stream)."""

    servers: tuple[str, ...]
    stream: str
    replicas: int | None = None
    credentials: str | None = None
    snapshots: CloudAddress | None = None

    def __str__(self) -> str:
        return f"nats://{','.join(self.servers)}/{self.stream}"


def parse_address(url: str) -> NatsAddress:
    """The address in ``url``. Raises ValueError, which says what is wrong and what would be right."""
    scheme, _, rest = url.partition("://")
    path, _, query = rest.partition("?")
    hosts, _, stream = path.partition("/")
    servers = tuple(hosts.split(","))
    if scheme != SCHEME or not all(servers):
        raise ValueError(f"{url!r} names no server; write {FORM}")
    if "@" in hosts:
        raise ValueError(f"an address with a password is shown in messages; write {FORM}?credentials=FILE")
    if not _STREAM.fullmatch(stream):
        raise ValueError(f"{url!r}: a stream's name has 1 to 64 letters, digits, '_' or '-'; write {FORM}")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - {*OPTIONS}):
        told = f"{url!r} has an unknown option {unknown[0]!r}; known are {', '.join(OPTIONS)}"
        is_of_bucket = "snapshots" in options and unknown[0] in cloud.OPTIONS
        raise ValueError(f"{told}. Write '&' in the bucket's address as '%26'" if is_of_bucket else told)
    replicas = _replicas(url, options.get("replicas"))
    snapshots = _snapshots(url, options.get("snapshots"))
    return NatsAddress(servers, stream, replicas, options.get("credentials"), snapshots)


def _replicas(url: str, told: str | None) -> int | None:
    if told is None:
        return None
    if not told.isdecimal() or not 1 <= int(told) <= MOST_REPLICAS:
        raise ValueError(f"{url!r}: replicas is a number from 1 to {MOST_REPLICAS}")
    return int(told)


def _snapshots(url: str, told: str | None) -> CloudAddress | None:
    if told is None:
        return None
    try:
        address = cloud.parse_address(told)
    except ValueError as error:
        raise ValueError(f"{url!r}: snapshots is the address of a bucket: {error}") from None
    if address.local is not None:
        raise ValueError(
            f"{url!r}: the bucket of a stream's snapshots has no folder before it: leave out local"
        )
    return address
