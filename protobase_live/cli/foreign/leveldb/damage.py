"""What is wrong with a LevelDB file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


class Damaged(Exception):
    """A part of a file cannot be read; the message names the file and the place."""

    def __init__(self, file: Path, offset: int, what: str) -> None:
        """``offset`` is in bytes."""
        super().__init__(f"{str(file)!r}, byte {offset}: {what}")


Note = Callable[[Damaged], None]
"""Told of what cannot be read, when the rest is still to be."""


def fail(damage: Damaged) -> None:
    """A Note that ends the reading."""
    raise damage
