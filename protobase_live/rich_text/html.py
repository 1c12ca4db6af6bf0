"""Documents as HTML that can be put into a page: what is in it is escaped, addresses are safe (`urls`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from protobase_live.rich_text.document import Node, attribute, common, content_of, marks_of, node
from protobase_live.rich_text.plain import is_inline, shown_text
from protobase_live.rich_text.urls import safe_image, safe_link

MAX_HEADING = 6

_TAGS: Mapping[str, str] = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bulletList": "ul",
    "listItem": "li",
    "tableRow": "tr",
}
_MARKS: Mapping[str, str] = {
    "bold": "strong",
    "italic": "em",
    "strike": "s",
    "underline": "u",
    "subscript": "sub",
    "superscript": "sup",
    "highlight": "mark",
    "code": "code",
}
_RANKS = {name: rank for rank, name in enumerate(["link", *_MARKS], 1)}
"""From the outside in; marks that are not known stand around all others."""


def html_of(document: Node) -> str:
    """The HTML of a document in TipTap's words, to be put into a body.

    A node that has no element of its own is a ``div`` or ``span`` with its name as ``data-type``, such a
    mark a ``span`` with it as ``data-mark``.
    """
    return _inside(document)


def _inside(found: Node) -> str:
    if is_inline(found):
        return _inline(content_of(found))
    return "".join(_block(each) for each in content_of(found))


def _block(found: Node) -> str:
    kind = found["type"]
    if make := _MADE.get(kind):
        return make(found)
    tag = _TAGS.get(kind)
    if tag is not None:
        return _element(tag, {}, _inside(found))
    return _element("div", {"data-type": kind}, _inside(found))


def _element(tag: str, attributes: Mapping[str, Any], content: str) -> str:
    return f"{_start(tag, attributes)}{content}</{tag}>"


def _start(tag: str, attributes: Mapping[str, Any]) -> str:
    pairs = (f' {name}="{escape(str(value))}"' for name, value in attributes.items() if value is not None)
    return f"<{tag}{''.join(pairs)}>"


def _heading(found: Node) -> str:
    level = _number(attribute(found, "level"), 1, MAX_HEADING) or 1
    return _element(f"h{level}", {}, _inside(found))


def _ordered_list(found: Node) -> str:
    start = _number(attribute(found, "start"), 2, 10**9)
    return _element("ol", {"start": start}, _inside(found))


def _code_block(found: Node) -> str:
    language = attribute(found, "language")
    code = _start("code", {"class": f"language-{language}" if isinstance(language, str) else None})
    end = "\n" if content_of(found) else ""  # readers take one away
    return f"<pre>{code}{_inside(found)}{end}</code></pre>"


def _task_item(found: Node) -> str:
    checked = " checked" if attribute(found, "checked") is True else ""
    first, *others = content_of(found) or [node("paragraph")]
    box = f'<p><input type="checkbox" disabled{checked}> {_inside(first)}</p>'
    return _element("li", {"data-type": "taskItem"}, box + "".join(map(_block, others)))


def _image(found: Node) -> str:
    source, alt = safe_image(attribute(found, "src")), attribute(found, "alt")
    return _start("img", {"src": source, "alt": alt if isinstance(alt, str) else ""}) if source else ""


def _cell(found: Node) -> str:
    spans = {name: _number(attribute(found, name), 2, 1000) for name in ("colspan", "rowspan")}
    return _element("th" if found["type"] == "tableHeader" else "td", spans, _inside(found))


def _number(value: Any, least: int, most: int) -> int | None:
    return value if type(value) is int and least <= value <= most else None


_MADE: Mapping[str, Callable[[Node], str]] = {
    "heading": _heading,
    "orderedList": _ordered_list,
    "codeBlock": _code_block,
    "horizontalRule": lambda found: "<hr>",
    "hardBreak": lambda found: "<br>",
    "taskList": lambda found: _element("ul", {"data-type": "taskList"}, _inside(found)),
    "taskItem": _task_item,
    "image": _image,
    "table": lambda found: f"<table><tbody>{_inside(found)}</tbody></table>",
    "tableCell": _cell,
    "tableHeader": _cell,
}


# texts, where marks that neighbours share go on


def _inline(nodes: Sequence[Node]) -> str:
    parts, opened = list[str](), list[Node]()
    for each in nodes:
        wanted = sorted(marks_of(each), key=_rank)
        kept = common(opened, wanted)
        parts += [_end(each) for each in reversed(opened[kept:])]
        parts += [_begin(each) for each in wanted[kept:]]
        opened = wanted
        parts.append(_piece(each))
    return "".join([*parts, *(_end(each) for each in reversed(opened))])


def _piece(found: Node) -> str:
    if found["type"] == "text":
        return escape(found["text"], quote=False)
    if found["type"] in _MADE:
        return _MADE[found["type"]](found)
    label = "" if content_of(found) else escape(shown_text(found), quote=False)
    return _element("span", {"data-type": found["type"]}, label + _inside(found))


def _rank(mark: Node) -> int:
    return _RANKS.get(mark["type"], 0)


def _begin(mark: Node) -> str:
    if mark["type"] == "link":
        address = safe_link(attribute(mark, "href"))
        return _start("a", {"href": address, "rel": "noopener noreferrer nofollow" if address else None})
    if tag := _MARKS.get(mark["type"]):
        return f"<{tag}>"
    return _start("span", {"data-mark": mark["type"]})


def _end(mark: Node) -> str:
    return f"</{'a' if mark['type'] == 'link' else _MARKS.get(mark['type'], 'span')}>"
