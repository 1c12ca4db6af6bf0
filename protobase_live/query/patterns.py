"""The patterns of ``like``: ``%`` stands for any text, ``_`` for one character.

A backslash before ``%``, ``_`` or a backslash makes these stand for themselves; elsewhere it is a backslash.
Matching takes at most text times pattern steps, whatever the pattern: what stands between two ``%`` is put at
the first place where it fits and never moved again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

MAX_PATTERN_CHARS = 1_000
"""Longest pattern. A constant that is longer is refused; a computed one fits nothing."""

_TOKENS = re.compile(r"\\([%_\\])|(%)|(_)|([^%_\\]+|\\)")


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """The function that says whether a whole text fits ``pattern``."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return lambda text: False
    pieces = _pieces(pattern)
    if any(kind == "_" for kind, _ in pieces):
        fits = re.compile(_regex(pieces), re.DOTALL).fullmatch
        return lambda text: fits(text) is not None
    return _plain(_between(pieces))


def _pieces(pattern: str) -> list[tuple[str, str]]:
    """Its parts: ``("%", "")``, ``("_", "")`` and ``("", text)``."""
    return [
        ("%", "") if many else ("_", "") if one else ("", escaped or text)
        for escaped, many, one, text in _TOKENS.findall(pattern)
    ]


def _between(pieces: list[tuple[str, str]]) -> list[str]:
    """The texts before, between and behind the ``%`` of a pattern without ``_``."""
    texts = [""]
    for kind, text in pieces:
        if kind == "%":
            texts.append("")
        else:
            texts[-1] += text
    return texts


def _plain(texts: list[str]) -> Callable[[str], bool]:
    first, *middle, last = texts if len(texts) > 1 else (*texts, "")
    if len(texts) == 1:
        return lambda text: text == first

    def fits(text: str) -> bool:
        if not text.startswith(first):
            return False
        at = len(first)
        for each in middle:
            found = text.find(each, at)
            if found < 0:
                return False
            at = found + len(each)
        return len(text) - len(last) >= at and text.endswith(last)

    return fits


def _regex(pieces: list[tuple[str, str]]) -> str:
    chunks = [""]
    for kind, text in pieces:
        if kind == "%":
            chunks.append("")
        else:
            chunks[-1] += "." if kind == "_" else re.escape(text)
    if len(chunks) == 1:
        return chunks[0]
    first, *middle, last = chunks
    return first + "".join(f"(?>.*?{each})" for each in middle if each) + ".*" + last
