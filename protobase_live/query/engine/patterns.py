"""The patterns of ``like``: ``%`` stands for any text, ``_`` for one character.

A backslash before ``%``, ``_`` or a backslash makes these stand for themselves; elsewhere it is a backslash.
Matching takes at most text times pattern steps, whatever the pattern: what stands between two ``%`` is put at
the first place where it fits and never moved again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from protobase_live.query.engine.effort import seek, spend

MAX_PATTERN_CHARS = 1_000
"""Longest pattern. A constant that is longer is refused; a computed one fits nothing."""

SOUGHT = 4
"""How many of the longest parts of a pattern are looked for before a text is matched."""

_TOKENS = re.compile(r"\\([%_\\])|(%)|(_)|([^%_\\]+|\\)")


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """The function that says whether a whole text fits ``pattern``."""
    if len(pattern) > MAX_PATTERN_CHARS:
        return lambda text: False
    pieces = _pieces(pattern)
    if any(kind == "_" for kind, _ in pieces):
        return _wild(pieces)
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
        if middle:
            seek(text)
        for each in middle:
            found = text.find(each, at)
            if found < 0:
                return False
            at = found + len(each)
        return len(text) - len(last) >= at and text.endswith(last)

    return fits


def _wild(pieces: list[tuple[str, str]]) -> Callable[[str], bool]:
    fits = re.compile(_regex(pieces), re.DOTALL).fullmatch
    literals = sorted({text for kind, text in pieces if not kind}, key=len)[-SOUGHT:]
    steps = max(map(len, "".join("%" if kind == "%" else text or "_" for kind, text in pieces).split("%")))

    def matches(text: str) -> bool:
        seek(text)
        for literal in literals:  # most texts that do not fit are found out so, in no time
            if literal not in text:
                return False
        spend(len(text) * steps)
        return fits(text) is not None

    return matches


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
