"""What every store of another program gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol


class ForeignStore(Protocol):
    """The rooms of another program, each a Yjs document."""

    @property
    def place(self) -> str:
        """The file or folder that it is, for messages."""
        ...

    def rooms(self) -> Iterator[str]:
        """The names of all rooms that can be found. Raises StorageFailed."""
        ...

    def updates(self, room: str) -> Iterator[tuple[str, bytes]]:
        """The Yjs updates of a room, each with the name of the record that it stands in.

        Raises StorageFailed, which names the file and what is wrong.
        """
        ...

    @property
    def damage(self) -> Sequence[str]:
        """What was found to be wrong so far and belongs to no room that could be told."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...
