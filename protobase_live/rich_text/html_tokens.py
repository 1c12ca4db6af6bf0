"""The tags and texts of HTML, as HTML's tokenizer finds them, in time and memory in proportion to the source.

A parser that builds the tree, as browsers do, takes more: formatting that is not closed comes again in each
block, so that 30 kB become 2 GB of nodes, and what is nested takes the square of its depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

_SPACE = r"[ \t\n\f]"
_TEXT = re.compile("[^<]+")
_NAME = re.compile(r"</?([A-Za-z][^ \t\n\f/>]*)")
_ATTRIBUTE = re.compile(
    rf"(?:{_SPACE}|/)*(?:>|\Z|([^ \t\n\f/>][^ \t\n\f/>=]*)"
    rf"(?:{_SPACE}*={_SPACE}*(?:\"([^\"]*)\"?|'([^']*)'?|([^ \t\n\f>\"'][^ \t\n\f>]*))?)?)"
)
"""An attribute, or the end of the tag. It always matches, and no part of it is tried in two ways."""

_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_RAW = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"})
"""Elements that have no elements in them: they are text to their end."""


class Tag(NamedTuple):
    """The beginning or the end of an element. Names are in lower case."""

    name: str
    is_end: bool
    attributes: dict[str, str]
    is_whole: bool
    """Whether it ends with ``/>``, which means something for SVG and MathML alone."""


def html_tokens(source: str) -> Iterator[str | Tag]:
    """The texts, with what references in them say, and the tags, in their order."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    at = 0
    while at < len(source):
        if text := _TEXT.match(source, at):
            yield unescape(text[0])
            at = text.end()
        elif name := _NAME.match(source, at):
            tag, at = _tag(source, name)
            yield tag
            if tag.name == "pre" and source.startswith("\n", at):
                at += 1  # it belongs to the tag
            if tag.name in _RAW and not tag.is_end:
                end = _end_of_raw(source, tag.name, at)
                yield source[at:end]
                at = end
        elif source.startswith(("<!", "<?", "</"), at):
            at = _end_of_comment(source, at)
        else:
            yield "<"
            at += 1


def _tag(source: str, name: re.Match[str]) -> tuple[Tag, int]:
    attributes, at = dict[str, str](), name.end()
    while (found := _attribute(source, at))[1] is not None:
        value = next((each for each in found.groups()[1:] if each is not None), "")
        attributes.setdefault(found[1].lower(), _REFERENCE.sub(lambda each: unescape(each[0]), value))
        at = found.end()
    is_whole = source.startswith("/>", found.end() - 2)
    return Tag(name[1].lower(), source[name.start() + 1] == "/", attributes, is_whole), found.end()


def _attribute(source: str, at: int) -> re.Match[str]:
    found = _ATTRIBUTE.match(source, at)
    assert found is not None
    return found


def _end_of_raw(source: str, name: str, at: int) -> int:
    found = re.compile(rf"</{name}(?=[ \t\n\f/>])", re.IGNORECASE).search(source, at)
    return found.start() if found else len(source)


def _end_of_comment(source: str, at: int) -> int:
    sign, begin = ("-->", at + 2) if source.startswith("<!--", at) else (">", at)
    end = source.find(sign, begin)
    return len(source) if end < 0 else end + len(sign)
