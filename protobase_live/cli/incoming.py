"""One collection of an import, line by line."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager

from protobase_live.cli.missing import missing_from
from protobase_live.cli.portable import Draft, Line
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.model.names import known_collection, known_name, not_internal
from protobase_live.protocol.yjs.structs import Structs

WRITER = "import"
"""The writer of the sets and counters that an import makes."""


REFUSALS = (TypeError, ValueError, OverflowError, RecursionError)
"""What the native library raises for what it does not take."""


class Incoming:
    """What the lines say of one collection: its updates as they are, else what the readable lines make."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.structures: Sequence[str] = ()
        """The structures that readable lines have made."""
        self._exact: Structs | None = None
        self._lacking: list[bytes] = []
        self._readable: list[tuple[int, Line]] = []
        self._told = False
        """Whether there were readable lines."""
        self._wrong: ProtoBaseError | None = None

    def add(self, number: int, line: Line) -> None:
        """Take in a line. What is wrong with it is raised by `missing_from`."""
        if "update" not in line:
            self._readable += [(number, line)] if self._exact is None else []
            self._told = True
            return
        with self._noting(number):
            self._take(_update_of(line))

    def spoil(self, error: ProtoBaseError | None) -> None:
        """Something among its lines is none, if there is an error: nothing of the collection is stored."""
        self._wrong = self._wrong or error

    @property
    def may_go_on(self) -> bool:
        """Whether a line behind its last one may be of its document: updates stand before what is read."""
        return self._exact is None or not self._told

    @contextmanager
    def _noting(self, number: int) -> Generator[None]:
        try:
            yield
        except (ProtoBaseError, *REFUSALS) as error:
            self.spoil(ValidationError(f"line {number}: {error}"))

    def check_name(self) -> None:
        """Raises InvalidName where nothing can be stored under the collection's name.

        What was exported has a name that was stored once; what lines make has one that can be opened.
        """
        not_internal(known_name(self.name))
        if self._exact is None:
            known_collection(self.name)

    def missing_from(self, present: Sequence[bytes], *, merge: bool = False) -> Sequence[bytes]:
        """What a collection with the updates ``present`` lacks of the document, in parts.

        Raises ValidationError for one that holds something else, unless both are to ``merge``, and for the
        first line that is wrong.
        """
        document, there = self._document(), Structs()
        for update in present:
            there.take(update, lenient=True)
        return missing_from(there, document, self.name, merge=merge)

    def _document(self) -> Structs:
        document = self._drafted() if self._exact is None else self._exact
        if self._wrong is not None:
            raise self._wrong
        if self._exact is None:
            return document
        for update in self._lacking:
            if self._exact.take(update, lenient=True) is not None:
                raise ValidationError(f"the updates of {self.name!r} lack something that they build on")
        return self._exact

    def _drafted(self) -> Structs:
        """What the readable lines make; the same each time, so that an import can be repeated."""
        digest = hashlib.blake2b(repr((self.name, self._readable)).encode(), digest_size=4).digest()
        draft, document = Draft(WRITER, int.from_bytes(digest)), Structs()
        for number, line in self._readable:
            with self._noting(number):
                draft.add(line)
        for update in draft.updates():
            document.take(update)
        self.structures = draft.structures
        return document

    def _take(self, update: bytes) -> None:
        self._exact = self._exact or Structs()
        rest = self._exact.take(update, lenient=True)  # it was stored once: what is refused today is left out
        if rest is not None:
            self._lacking.append(rest.update)


def _update_of(line: Line) -> bytes:
    try:
        update = base64.b64decode(line["update"], validate=True)
    except (ValueError, TypeError) as error:
        raise ValidationError(f"'update' is not base64: {error}") from error
    return update
