"""Names that XML allows, for elements and attributes that Yjs clients may call as they like.

A character that may not stand in a name is written as ``_xHHHH_``, its code point in four or eight digits of
hexadecimal, as in SQL/XML and .NET: ``a b`` is ``a_x0020_b``. So is what would mean something else: a colon,
the name ``xmlns``, and a ``_`` before what looks like such a code. No name at all is ``_x_``.
"""

from __future__ import annotations

import re

EMPTY_NAME = "_x_"
"""What an element or attribute without a name is called."""

_LETTERS = (
    "A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0131\u03a3-\u03ce\u040e-\u044f\u3041-\u3094\u30a1-\u30fa"
    "\u4e00-\u9fa5\uac00-\ud7a3"
)
"""Letters that may begin a name in every edition of XML; parsers keep to different ones."""

_WRONG = rf"_(?=x(?:[0-9A-F]{{4}}|[0-9A-F]{{8}})?_)|^[^{_LETTERS}]|[^{_LETTERS}0-9.-]|^x(?=mlns$)"
"""Compiled, by `re`, for the first name there is: that takes some milliseconds."""
_CODE = re.compile(r"_x([0-9A-F]{8}|[0-9A-F]{4})_")


def xml_name(name: str) -> str:
    """The name as XML allows it; different ones stay different."""
    return re.sub(_WRONG, _code, name, flags=re.DOTALL) if name else EMPTY_NAME


def original_name(name: str) -> str:
    """The name that `xml_name` made this of."""
    return "" if name == EMPTY_NAME else _CODE.sub(lambda found: chr(int(found[1], 16)), name)


def _code(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"_x{point:04X}_" if point < 0x10000 else f"_x{point:08X}_"
