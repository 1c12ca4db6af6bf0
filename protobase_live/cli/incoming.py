"""One collection of an import, line by line."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from protobase_live.cli.portable import Draft, Line
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.protocol.update import check_update

WRITER = "import"
"""The writer of the sets and counters that an import makes."""


class Incoming:
    """What the lines say of one collection: its updates as they are, else what the readable lines make."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._exact: list[bytes] = []
        self._draft = Draft(WRITER)
        self._wrong: ProtoBaseError | None = None

    def add(self, number: int, line: Line) -> None:
        """Take in a line. What is wrong with it is raised by `updates`."""
        try:
            if "update" in line:
                self._exact.append(_update_of(line))
            elif not self._exact and self._wrong is None:
                self._draft.add(line)
        except ProtoBaseError as error:
            self._wrong = self._wrong or ValidationError(f"line {number}: {error}")

    @property
    def structures(self) -> Sequence[str]:
        """The structures of the readable lines."""
        return self._draft.structures

    def updates(self) -> Sequence[bytes]:
        """The document, in order. Raises ValidationError, which names the first line that is wrong."""
        if self._wrong is not None:
            raise self._wrong
        return self._exact or self._draft.updates()


def _update_of(line: Line) -> bytes:
    try:
        update = base64.b64decode(line["update"], validate=True)
    except (ValueError, TypeError) as error:
        raise ValidationError(f"'update' is not base64: {error}") from error
    check_update(update)
    return update
