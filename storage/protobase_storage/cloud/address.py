"""Addresses of object stores: ``s3://BUCKET/PREFIX``, ``gs://BUCKET/PREFIX``, with options behind ``?``."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl

SCHEMES = ("s3", "gs")

OPTIONS = ("endpoint", "region", "local")

PREFIX_BYTES = 256
"""Longest prefix: what follows needs the rest of the 1,024 bytes that a key may have."""


@dataclass(frozen=True, slots=True)
class CloudAddress:
    """Where the objects are. `endpoint` is the URL of a server other than the provider's, `local` a folder
    from which is acknowledged what is uploaded later."""

    scheme: str
    bucket: str
    prefix: str
    endpoint: str | None = None
    region: str | None = None
    local: str | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.prefix}".rstrip("/")

    @property
    def start(self) -> str:
        """What every key begins with."""
        return f"{self.prefix}/" if self.prefix else ""


def parse_address(url: str) -> CloudAddress:
    """The address in ``url``. Raises ValueError, which says what is wrong and what would be right."""
    scheme, _, rest = url.partition("://")
    path, _, query = rest.partition("?")
    bucket, _, prefix = path.partition("/")
    if scheme not in SCHEMES or not bucket:
        raise ValueError(f"{url!r} names no bucket; write s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
    if "@" in bucket or ":" in bucket:
        raise ValueError("an address with a secret is shown in messages; the environment has credentials")
    prefix = prefix.strip("/")
    if not {"", ".", ".."}.isdisjoint(prefix.split("/") if prefix else ()):
        raise ValueError(f"{url!r}: a part of a prefix may not be empty, '.' or '..'")
    if len(prefix.encode()) > PREFIX_BYTES:
        raise ValueError(f"{url!r}: the prefix has more than {PREFIX_BYTES} bytes")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - {*OPTIONS}):
        raise ValueError(f"{url!r} has an unknown option {unknown[0]!r}; known are {', '.join(OPTIONS)}")
    return CloudAddress(scheme, bucket, prefix, **options)
