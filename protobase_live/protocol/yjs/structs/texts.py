"""Texts counted as JavaScript counts them: in UTF-16 code units.

A pair of units may be cut: by a deletion of one of them, or by something that is put between them. Yjs then
has U+FFFD for each half (`ContentString.splice`), and so has everybody who keeps what Yjs clients have.
"""

from __future__ import annotations

from collections.abc import Iterable

HIGH, LOW = 0xD800, 0xDC00
"""Where the first and the second halves of pairs begin; there are 1,024 of each."""

_TWO_HALVES = "\ufffd\ufffd".encode("utf-16-le")


class Units:
    """A text whose units can be counted."""

    __slots__ = ("_ascii", "_units")

    def __init__(self, text: bytes) -> None:
        """`text` is UTF-8."""
        self._ascii = text.isascii()
        self._units = text if self._ascii else text.decode().encode("utf-16-le")

    def part(self, start: int, end: int) -> bytes:
        """The units from `start` up to `end` in UTF-8; a pair that is cut leaves U+FFFD."""
        if self._ascii:
            return self._units[start:end]
        return self._units[2 * start : 2 * end].decode("utf-16-le", "replace").encode()


def cut_pairs(text: bytes, places: Iterable[int]) -> tuple[bytes, list[int]]:
    """Cut a text before the units at `places`; answers with what becomes of it, and where it cut a pair."""
    units = bytearray(text.decode(), "utf-16-le")
    cut = [at for at in sorted(set(places)) if _is_in_pair(units, at)]
    for at in cut:
        units[2 * at - 2 : 2 * at + 2] = _TWO_HALVES
    return units.decode("utf-16-le").encode(), cut


def _is_in_pair(units: bytearray, at: int) -> bool:
    """Whether the units before and behind `at` are two halves of one character."""
    before, behind = units[2 * at - 2 : 2 * at], units[2 * at : 2 * at + 2]
    return (
        int.from_bytes(before, "little") & 0xFC00 == HIGH and int.from_bytes(behind, "little") & 0xFC00 == LOW
    )
