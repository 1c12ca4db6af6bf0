"""Documents as Markdown: CommonMark with tables, ``~~strikethrough~~`` and ``- [x] tasks``.

A reader of CommonMark finds in it the texts, marks, links, code and blocks of the document, whatever
characters they have (`markdown_inline`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from protobase_live.rich_text.document import Node, attribute, content_of
from protobase_live.rich_text.markdown_inline import code_source, image_source, inline_source
from protobase_live.rich_text.plain import is_inline, text_of

_MAX_HEADING = 6
_MAX_NUMBER = 999_999_999
"""The largest number of a list's item; with a digit more it is none."""

_SIGNS: Mapping[str, str] = {"bulletList": "-*", "taskList": "-*", "orderedList": ".)"}
"""What the items of lists have; two lists beside each other take turns, since they would be one else."""

_BEGINS_LIST = re.compile(r"(?:[-*]|\d+[.)])(?:[ \n]|$)")
_LEAST_FENCE = 3


def markdown_of(document: Node) -> str:
    """The Markdown of a document in TipTap's words. What it has not is left out: underlining and other
    marks, spans of cells, blocks in cells, empty paragraphs.
    """
    return _inside(document)


def _inside(found: Node) -> str:
    """What is in a node: a text, or blocks with an empty line between."""
    if is_inline(found):
        return inline_source(content_of(found))
    sources, before, turn = list[str](), "", 0
    for each in _flat(content_of(found)):
        signs = _SIGNS.get(each["type"], "")
        turn = 1 - turn if signs and signs == before else 0
        if source := _list(each, signs[turn]) if signs else _block(each):
            sources.append(source)
            before = signs
    return "\n\n".join(sources)


def _flat(nodes: Sequence[Node]) -> Iterator[Node]:
    """Blocks, where what is not known is what is in it."""
    for each in nodes:
        known = each["type"] in _MADE or each["type"] in _SIGNS
        if known or is_inline(each) or not content_of(each):
            yield each
        else:
            yield from _flat(content_of(each))


def _block(found: Node) -> str:
    if make := _MADE.get(found["type"]):
        return make(found)
    return _inside(found) if content_of(found) else inline_source([found])


def _heading(found: Node) -> str:
    level = attribute(found, "level")
    signs = "#" * (level if type(level) is int and 1 <= level <= _MAX_HEADING else 1)
    text = inline_source(content_of(found), is_line=True)
    if text.endswith("#"):  # it would belong to the heading's end
        text = text[:-1] + "\\#"
    return f"{signs} {text}".rstrip(" ")


def _quote(found: Node) -> str:
    return "\n".join(
        f"> {line}".rstrip(" ") if not line else f"> {line}" for line in _inside(found).split("\n")
    )


def _code_block(found: Node) -> str:
    text = text_of({"type": "doc", "content": [found]})
    runs = re.findall("`+", text)
    fence = "`" * max(_LEAST_FENCE, 1 + max(map(len, runs), default=0))
    language = attribute(found, "language")
    info = language if isinstance(language, str) and re.fullmatch(r"\S+", language) else ""
    info = re.sub(r"[\\&`]", lambda sign: f"&#{ord(sign[0])};", info)
    return "\n".join([fence + info, *([text] if text else []), fence])


# lists


def _list(found: Node, sign: str) -> str:
    items = content_of(found)
    start = attribute(found, "start", 1)
    first = start if type(start) is int and 0 <= start <= _MAX_NUMBER else 1
    sources = [
        _item(each, f"{min(first + at, _MAX_NUMBER)}{sign}" if sign in _SIGNS["orderedList"] else sign)
        for at, each in enumerate(items)
    ]
    return ("\n\n" if any("\n\n" in each for each in sources) else "\n").join(sources)


def _item(found: Node, sign: str) -> str:
    source = _task(found) if found["type"] == "taskItem" else _inside(found)
    if not source:
        return sign
    # A list where its item begins could be read as a rule, as - - - is.
    space = "\n" if _BEGINS_LIST.match(source) else " "
    return _indented(f"{sign}{space}{source}", " " * (len(sign) + 1))


def _task(found: Node) -> str:
    box = "[x]" if attribute(found, "checked") is True else "[ ]"
    first, *others = content_of(found) or [found]
    is_text = first["type"] == "paragraph"
    text = inline_source(content_of(first)) if is_text else ""
    rest = _inside({"type": "doc", "content": others if is_text else [first, *others]})
    return "\n\n".join(each for each in (f"{box} {text}".rstrip(" "), rest) if each)


def _indented(source: str, by: str) -> str:
    """The source with its lines, but the first, moved to the right."""
    return source.replace("\n", f"\n{by}").replace(f"\n{by}\n", "\n\n")


# tables


def _table(found: Node) -> str:
    """The first row is the head, as Markdown has no tables without one."""
    rows = [[_cell(each) for each in content_of(row)] for row in content_of(found)]
    width = max(map(len, rows), default=0)
    if not width:
        return ""
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    lines = [padded[0], ["---"] * width, *padded[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _cell(found: Node) -> str:
    """A cell is one line. A | is escaped even in code: what reads tables takes one escape away."""
    return " ".join(filter(None, _lines(found))).replace("|", "\\|")


def _lines(found: Node) -> Iterator[str]:
    if found["type"] == "codeBlock":
        yield code_source(text_of({"type": "doc", "content": [found]}))
    elif is_inline(found):
        yield inline_source(content_of(found), is_line=True)
    elif not content_of(found):
        yield inline_source([found], is_line=True)
    else:
        for each in content_of(found):
            yield from _lines(each)


_MADE: Mapping[str, Callable[[Node], str]] = {
    "heading": _heading,
    "blockquote": _quote,
    "codeBlock": _code_block,
    "horizontalRule": lambda found: "___",  # no bullet, with which it could be read as one rule
    "image": image_source,
    "table": _table,
}
