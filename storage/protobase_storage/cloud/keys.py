"""The names of objects, relative to the database's prefix."""

from __future__ import annotations

import base64
import re

SLOTS = "wal/"
MANIFESTS = "manifest/"
SNAPSHOTS = "snap/"
PACKS = "log/"
MARKS = "ahead/"
ERASING = f"{MARKS}erasing"
"""How the keys begin where writers say that something is being erased (once it was all of the key); beside
the marks, so that one request tells of both."""

DIGITS = 20
"""Digits of a number in a key, so that the order of keys is that of numbers."""

EPOCH_DIGITS = 10
"""Digits of an epoch in a key."""

PLAIN_BYTES = 600
"""Longest name of a collection that is written with escapes; longer ones are written as base64."""

PART_CHARS = 200
"""Longest part of a key between two slashes: servers that keep objects in files take no more than 255."""

_ESCAPED = re.compile(rb"[^A-Za-z0-9_-]")
_ESCAPE = re.compile(rb"!([0-9A-F]{2})")


def slot_key(number: int) -> str:
    """Where slot `number` is."""
    return f"{SLOTS}{number:0{DIGITS}}"


def manifest_key(number: int) -> str:
    """Where manifest `number` is."""
    return f"{MANIFESTS}{number:0{DIGITS}}"


def snapshot_key(collection: str, epoch: int, number: int) -> str:
    """Where the writer of `epoch` puts its object `number`, a snapshot of `collection`."""
    return f"{SNAPSHOTS}{escape(collection)}/{epoch:0{EPOCH_DIGITS}}/{number:0{DIGITS}}"


def pack_key(epoch: int, number: int) -> str:
    """Where the writer of `epoch` puts its object `number`, commits of many collections."""
    return f"{PACKS}{epoch:0{EPOCH_DIGITS}}/{number:0{DIGITS}}"


def mark_key(epoch: int) -> str:
    """Where the writer of `epoch` says that it acknowledges commits before they are here."""
    return f"{MARKS}{epoch:0{DIGITS}}"


def erasing_key(epoch: int, number: int) -> str:
    """Where the writer of `epoch` notes its erasure `number`."""
    return f"{ERASING}-{epoch:0{EPOCH_DIGITS}}-{number}"


def number_of(key: str) -> int | None:
    """The number that a key ends with; None for a key that is none of ours."""
    last = key.rpartition("/")[2]
    return int(last) if len(last) == DIGITS and last.isascii() and last.isdecimal() else None


def epoch_of(key: str) -> int | None:
    """The epoch in the key of a snapshot or pack; None for a key that is none of ours."""
    parts = key.split("/")
    epoch = parts[-2] if len(parts) > 2 and number_of(key) is not None else ""
    return int(epoch) if len(epoch) == EPOCH_DIGITS and epoch.isascii() and epoch.isdecimal() else None


def escape(name: str) -> str:
    """A collection's name in a key: letters, digits, ``-`` and ``_`` as they are, the other bytes of its
    UTF-8 as ``!`` and two digits. Where that gets long: ``!!`` and URL-safe base64 without padding. After
    each 200 characters of it comes a ``/``."""
    encoded = name.encode()
    plain = _ESCAPED.sub(lambda found: b"!%02X" % found[0][0], encoded)
    if len(plain) > PLAIN_BYTES:
        plain = b"!!" + base64.urlsafe_b64encode(encoded).rstrip(b"=")
    text = plain.decode()
    return "/".join(text[start : start + PART_CHARS] for start in range(0, len(text), PART_CHARS))


def unescape(escaped: str) -> str:
    """The name that `escape` was given. Raises ValueError for anything else."""
    encoded = escaped.replace("/", "").encode()
    if encoded.startswith(b"!!"):
        name = base64.urlsafe_b64decode(encoded[2:] + b"=" * (-len(encoded[2:]) % 4)).decode()
    else:
        name = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), encoded).decode()
    if escape(name) != escaped:
        raise ValueError(f"{escaped!r} is no name of a collection in a key")
    return name
