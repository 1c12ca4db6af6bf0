"""What somebody may have meant who names what is not there."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of a message that says ``name`` is none of ``known``: the nearest one, if any is near."""
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def no_collection(name: str, known: Iterable[str]) -> str:
    """The message for a collection that is none of ``known``."""
    return f"there is no collection {name!r}{did_you_mean(name, known)}"
