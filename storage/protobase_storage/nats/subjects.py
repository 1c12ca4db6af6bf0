"""Subjects of a stream. A name of a collection is one token: what a token may not have is ``=`` and two
hexadecimal digits for each byte of UTF-8."""

from __future__ import annotations

from string import ascii_letters, digits

from ..contract import check_name

_PLAIN = frozenset(f"{ascii_letters}{digits}-_".encode())


def token_of(collection: str) -> str:
    """The name as a token. Raises `InvalidName`."""
    return "".join(chr(each) if each in _PLAIN else f"={each:02X}" for each in check_name(collection))


def collection_of(token: str) -> str:
    """The name in a token."""
    first, *rest = token.split("=")
    plain = [first.encode(), *(bytes.fromhex(each[:2]) + each[2:].encode() for each in rest)]
    return b"".join(plain).decode()


class Subjects:
    """Those of one database, which all begin with the stream's name."""

    def __init__(self, stream: str) -> None:
        self.meta = f"{stream}.meta"
        """One message: what the database is."""
        self.logs = f"{stream}.log.*"
        """What the collections' messages are stored under."""
        self.stored = f"{stream}.stored.{{{{wildcard(1)}}}}"
        """What the server sends to who listens, once it is stored."""
        self.marks = f"{stream}.erasing.*"
        """Collections of which not all is known to be erased that was to be."""
        self.seats = f"{stream}.seat.*"
        """Under which ids processes write."""
        self.queue = f"{stream}.queue"
        """What processes tell each other that write the same collections; it is not stored."""
        self.all = (self.meta, self.logs, self.marks, self.seats, f"{stream}.piece.*.*")
        self._stream = stream

    def log(self, collection: str) -> str:
        """A collection's messages, in order."""
        return f"{self._stream}.log.{token_of(collection)}"

    def seat(self, identity: str) -> str:
        """Who writes as that."""
        return f"{self._stream}.seat.{identity}"

    def mark(self, collection: str) -> str:
        """The note that something of a collection is being erased."""
        return f"{self._stream}.erasing.{token_of(collection)}"

    def pieces(self, collection: str, id: str = "*") -> str:
        """The pieces of one thing that is too large for a message, or of all of a collection."""
        return f"{self._stream}.piece.{token_of(collection)}.{id}"

    def heard(self, collection: str) -> str:
        """What is sent to who listens to a collection."""
        return f"{self._stream}.stored.{token_of(collection)}"

    def said(self, topic: str) -> str:
        """What processes say to each other about a collection, or, if that is empty, about themselves."""
        return f"{self._stream}.said.{token_of(topic)}" if topic else f"{self._stream}.said"

    @staticmethod
    def collection(subject: str) -> str:
        """The collection of a log, a mark, or what is sent to listeners."""
        return collection_of(subject.rpartition(".")[2])
