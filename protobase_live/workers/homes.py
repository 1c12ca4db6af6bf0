"""Which worker a connection is for: collections are at home with one, so that their users meet there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from urllib.parse import unquote_to_bytes

PEEK_BYTES = 2_048
"""So much of what a connection begins with is looked at; a name that lies further on is not found."""

_NAMED = re.compile(
    rb"[A-Z]{1,16} (?:[a-z]+://[^/ ]*)?(?:/yjs/([^ ?\r\n]+)|/api/v1/collections/([^ ?/\r\n]+))[ ?/]"
)


def collection_in(head: bytes) -> bytes | None:
    """The collection that the first line of a request names; None if it names none, or is not readable."""
    found = _NAMED.match(head)
    return None if found is None else unquote_to_bytes(found[1] or found[2])


def home_of(collection: bytes, workers: Iterable[int]) -> int:
    """Where a collection is at home. With one worker more, few move, and all of them to that one."""
    return max(workers, key=lambda number: blake2b(b"%d %b" % (number, collection)).digest())
