"""Texts as Markdown. What could mean something in a text is escaped; where no escape helps (a space at an
end, a letter beside an emphasis that begins or ends within a word) stands a character reference.

A line is made of pieces: each character is one, and each marker of an emphasis.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import punctuation

from protobase_live.rich_text.document import Node, attribute, common, joined, marks_of, text_node
from protobase_live.rich_text.plain import BREAK, shown_text
from protobase_live.rich_text.urls import safe_image, safe_link

_SIGNS: Mapping[str, str] = {"bold": "**", "italic": "_", "strike": "~~"}
_RANKS = {name: rank for rank, name in enumerate(["link", *_SIGNS])}
"""The marks around a text, from the outside in."""

_ESCAPED = frozenset("\\`*_[]<~&!")
_PUNCTUATION = frozenset(punctuation)
_BEGINS_BLOCK = re.compile(r"#{1,6}(?= |$)|[-+=:|>]")
_IN_ADDRESS = re.compile(r"[\\<>&]")
_BEGINS_ITEM = re.compile(r"(\d{1,9})([.)])")


class _Begin(str):
    """The marker where an emphasis begins; what it is about comes behind it."""

    __slots__ = ()
    inner = 1


class _End(str):
    """The marker where an emphasis ends; what it is about comes before it."""

    __slots__ = ()
    inner = -1


def inline_source(nodes: Sequence[Node], is_line: bool = False) -> str:
    """The source of a text; breaks are spaces where it is one line, as in headings and cells."""
    lines: list[list[Node]] = [[]]
    for each in joined(map(_known, nodes)):
        if each["type"] == BREAK:
            lines.append([])
        else:
            lines[-1].append(each)
    if is_line:
        return " ".join(filter(None, map(_line, lines)))
    while lines and not lines[-1]:  # a break at the end is none
        lines.pop()
    return "\\\n".join(map(_line, lines))


def code_source(text: str) -> str:
    """A text as code. It is one line, since code has no character references."""
    line = re.sub(r"[\r\n]", " ", text)
    lengths = set(map(len, re.findall("`+", line)))
    sign = "`" * next(length for length in range(1, len(lengths) + 2) if length not in lengths)
    ends = line[:1], line[-1:]
    space = " " if "`" in ends or (ends == (" ", " ") and line.strip(" ")) else ""
    return f"{sign}{space}{line}{space}{sign}"


def image_source(found: Node) -> str:
    """An image; nothing for one that has no safe address."""
    source, alt = safe_image(attribute(found, "src")), attribute(found, "alt")
    if not source:
        return ""
    return f"![{_line([text_node(alt)]) if isinstance(alt, str) and alt else ''}]({_address(source)})"


def _known(found: Node) -> Node:
    """The node, with the marks alone that Markdown has."""
    return text_node(found["text"], filter(_is_known, marks_of(found))) if found["type"] == "text" else found


def _is_known(mark: Node) -> bool:
    kind = mark["type"]
    return kind in _SIGNS or kind == "code" or (kind == "link" and bool(safe_link(attribute(mark, "href"))))


def _line(nodes: Sequence[Node]) -> str:
    pieces = list(_pieces(nodes))
    for at in (0, -1):
        if pieces and pieces[at] == " ":
            pieces[at] = _reference(" ")
    for at, piece in enumerate(pieces):
        if isinstance(piece, (_Begin, _End)):
            _set_apart(pieces, at, piece)
    return _as_line("".join(pieces))


def _as_line(source: str) -> str:
    """A line that begins no block."""
    if _BEGINS_BLOCK.match(source):
        return f"\\{source}"
    return _BEGINS_ITEM.sub(r"\1\\\2", source, count=1) if _BEGINS_ITEM.match(source) else source


def _pieces(nodes: Sequence[Node]) -> Iterator[str]:
    opened = list[Node]()
    for each in nodes:
        wanted = _around(each)
        kept = common(opened, wanted)
        yield from (_end(mark) for mark in reversed(opened[kept:]))
        yield from (_begin(mark) for mark in wanted[kept:])
        yield from _of_node(each)
        opened = wanted
    yield from map(_end, reversed(opened))


def _around(found: Node) -> list[Node]:
    marks = [each for each in marks_of(found) if each["type"] in _RANKS]
    return sorted(marks, key=lambda each: _RANKS[each["type"]])


def _of_node(found: Node) -> Iterator[str]:
    if any(each["type"] == "code" for each in marks_of(found)):
        yield code_source(found["text"])
    elif found["type"] == "image":
        yield image_source(found)
    else:
        yield from map(_character, shown_text(found))


def _character(each: str) -> str:
    if each in _ESCAPED:
        return f"\\{each}"
    return _reference(each) if each.isspace() and each != " " else each


def _begin(mark: Node) -> str:
    return "[" if mark["type"] == "link" else _Begin(_SIGNS[mark["type"]])


def _end(mark: Node) -> str:
    if mark["type"] == "link":
        return f"]({_address(attribute(mark, 'href'))})"
    return _End(_SIGNS[mark["type"]])


def _address(address: str) -> str:
    """Where a link goes to. What ends a line, it cannot have, and browsers leave it out."""
    line = re.sub(r"[\r\n]", "", address)
    if re.fullmatch(r"[\w/:.?#=%+,;@~-]+", line, re.ASCII):
        return line
    return f"<{_IN_ADDRESS.sub(lambda sign: _reference(sign[0]), line)}>"


def _set_apart(pieces: list[str], at: int, marker: _Begin | _End) -> None:
    """Make a marker begin, or end, an emphasis (CommonMark, 6.2): no space is beside it on its inner side,
    and on its outer no letter, unless letters are on both and it is no _.
    """
    inner, outer, beyond = (at + step * marker.inner for step in (1, -1, 2))
    if _at(pieces, inner) == " ":
        pieces[inner] = _reference(" ")
    if not _is_letter(_at(pieces, outer)):
        return
    is_word = _at(pieces, inner).isalnum() and not isinstance(_at(pieces, beyond), (_Begin, _End))
    if marker == "_" or not is_word:
        pieces[outer] = _reference(pieces[outer])


def _at(pieces: Sequence[str], at: int) -> str:
    return pieces[at] if 0 <= at < len(pieces) else " "


def _is_letter(piece: str) -> bool:
    return len(piece) == 1 and piece != " " and piece not in _PUNCTUATION


def _reference(character: str) -> str:
    return f"&#{ord(character)};"
