"""What a database calls itself in what it writes: timelines of commits, and ids of Yjs clients."""

from __future__ import annotations

from hashlib import blake2b
from random import Random

from protobase_storage import TIMELINE_MARK

TIMELINE_BITS = 48
"""Random bits in the name of a timeline; each activation of a collection has its own."""

_SECRET_BYTES = 16
_ID_BYTES = 6
"""Clients write ids as integers below 2**53."""

LEAST_ID = 2**16
"""Programs choose smaller ids for content that many documents begin with (see `former.py`)."""


class Identity:
    """The names under which one process writes into its collections."""

    def __init__(self, random: Random, node: str, disk: str) -> None:
        """``node`` is what others call this one, ``disk`` the identity of its storage."""
        self.node = node
        self.writer = node if node == disk else f"{node}{TIMELINE_MARK}{disk}"
        """What the commits of this process are numbered under.

        Another one on each disk: on an empty one a node counts from 1 again, whatever it was called before,
        and others may have what it wrote under these numbers.
        """
        self._random = random
        self._secret = random.randbytes(_SECRET_BYTES)

    def timeline(self) -> str:
        """A name that nobody had before."""
        return f"{self._random.getrandbits(TIMELINE_BITS):0{TIMELINE_BITS // 4}x}"

    def client_id(self, collection: str) -> int:
        """The Yjs client that writes what programs write into a collection.

        Always the same one, since each takes its place in the state vector for ever. Another one in each
        collection, since what one has may be copied into another, where the server's own id is refused.
        """
        digest = blake2b(collection.encode(), key=self._secret, digest_size=_ID_BYTES).digest()
        return LEAST_ID + int.from_bytes(digest, "big")

    def renew(self) -> None:
        """A history has ended, or another one takes its place: copies of it may be about.

        Who writes on is another Yjs client, so that no clock is used twice.
        """
        self._secret = self._random.randbytes(_SECRET_BYTES)
