"""One collection of an import, line by line."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from protobase_live.cli.portable import MAX_PART_BYTES, Draft, Line
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.protocol.structs import Structs

WRITER = "import"
"""The writer of the sets and counters that an import makes."""


class Incoming:
    """What the lines say of one collection: its updates as they are, else what the readable lines make."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._exact: Structs | None = None
        self._lacking: list[bytes] = []
        self._draft = Draft(WRITER)
        self._wrong: ProtoBaseError | None = None

    def add(self, number: int, line: Line) -> None:
        """Take in a line. What is wrong with it is raised by `updates`."""
        try:
            if "update" in line:
                self._take(_update_of(line))
            elif self._exact is None and self._wrong is None:
                self._draft.add(line)
        except ProtoBaseError as error:
            self._wrong = self._wrong or ValidationError(f"line {number}: {error}")

    @property
    def structures(self) -> Sequence[str]:
        """The structures of the readable lines."""
        return self._draft.structures

    def updates(self) -> Sequence[bytes]:
        """The document, in parts. Raises ValidationError, which names the first line that is wrong."""
        if self._wrong is not None:
            raise self._wrong
        if self._exact is None:
            return self._draft.updates()
        for update in self._lacking:
            if self._exact.take(update, lenient=True) is not None:
                raise ValidationError(f"the updates of {self.name!r} lack something that they build on")
        return list(_parts(self._exact))

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


def _parts(structs: Structs) -> Iterator[bytes]:
    """All of a document, in updates that a server takes."""
    known: dict[int, int] = {}
    complete = False
    while not complete:
        update, known, complete = structs.slice(known, MAX_PART_BYTES)
        yield update
