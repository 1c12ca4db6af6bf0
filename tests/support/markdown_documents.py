"""Random documents for Hypothesis, of what Markdown can say, with texts that look like Markdown."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from protobase_live.rich_text import Node

Nodes = st.SearchStrategy[Node]

_PIECES = [
    "a", "b", "1", "ä", "😀", " ", "  ", "\t", "\n", "\u00a0", "\u2028", "*", "**", "_", "__", "~", "~~", "`",
    "``", "```", "~~~", "#", "# ", "##", ">", "> ", "-", "- ", "---", "- - -", "+ ", "=", "===", "1. ",
    "23) ", ".", ")", "(", "[", "]", "![", "](", "[x] ", "[ ]", "[a]: /b", "<", "<b>", "<script>", "<!--",
    "&", "&amp;", "&#32;", ";", "|", "|-|-|", ":-", "\\", "\\\\", "!", '"', "'", "{", "$", "^",
    "http://a.b", "«",
]  # fmt: skip
_texts = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=5).map("".join)
_line = _texts.map(lambda text: text.replace("\n", "a"))
_ADDRESSES = [
    "/a", "https://a.b/c?d=e&f#g", "a)b", "(a", "a b", "<a>", "a>b", "a\\", "\\", "a\"b'", "&amp;", "ä",
    "%20", "mailto:a@b", "a]b", "a|b", "*a*", "`a`", "#", "/a 'title'", " /a ",
]  # fmt: skip
_addresses = st.sampled_from(_ADDRESSES)
_kinds = st.lists(st.sampled_from(["bold", "italic", "strike"]), unique=True)
_links = st.lists(_addresses, max_size=1)


def _node(kind: str, content: list[Node] | None = None, **attrs: Any) -> Node:
    return {"type": kind, "attrs": attrs, "content": content or []}


def _marked(text: str, kinds: list[str], links: list[str]) -> Node:
    marks = [{"type": "link", "attrs": {"href": each}} for each in links] + [{"type": each} for each in kinds]
    return {"type": "text", "text": text, "marks": marks}


_inlines = st.one_of(
    st.builds(_marked, _texts, _kinds, _links),
    st.builds(_marked, _line, st.just(["code"]), st.just([])),
    st.just({"type": "hardBreak"}),
)


def _without_end(nodes: list[Node]) -> list[Node]:
    """Without the breaks at the end, which are none in Markdown."""
    while nodes and nodes[-1]["type"] == "hardBreak":
        nodes = nodes[:-1]
    return nodes


def _cell(content: list[Node]) -> Node:
    return _node("tableCell", [_node("paragraph", content)])


def _coded(text: str) -> list[Node]:
    return [_marked(text + "a\n \n", [], [])]


_content = st.lists(_inlines, min_size=1, max_size=6).map(_without_end).filter(bool)
_one_line = st.lists(_inlines.filter(lambda each: each["type"] == "text"), max_size=4)
_paragraphs = st.builds(_node, st.just("paragraph"), _content)
_code = st.one_of(st.just(list[Node]()), st.builds(_coded, _texts))
_languages = st.one_of(st.none(), st.sampled_from(["js", "c++", "a`b", "&amp;", "\\a", "~", "<b>"]))
_cells = st.builds(_cell, _one_line)


@st.composite
def _tables(draw: st.DrawFn) -> Node:
    width = draw(st.integers(1, 3))
    rows = draw(st.lists(st.lists(_cells, min_size=width, max_size=width), min_size=1, max_size=3))
    rows[0] = [{**each, "type": "tableHeader"} for each in rows[0]]
    return _node("table", [_node("tableRow", row) for row in rows])


_leaves: Nodes = st.one_of(
    _paragraphs,
    _paragraphs,
    st.builds(_node, st.just("heading"), _one_line, level=st.integers(1, 6)),
    st.builds(_node, st.just("codeBlock"), _code, language=_languages),
    st.just(_node("horizontalRule")),
    st.builds(_node, st.just("image"), src=_addresses, alt=st.one_of(st.none(), _texts)),
    _tables(),
)


def _item(first: Node, others: list[Node]) -> Node:
    """An item; it begins with a paragraph, which is empty only before what is none."""
    if not first["content"] and others and others[0]["type"] == "paragraph":
        return _node("listItem", others)
    return _node("listItem", [first, *others])


def _task(first: Node, others: list[Node], checked: bool) -> Node:
    return _node("taskItem", [first, *others], checked=checked)


def _around(inside: Nodes) -> Nodes:
    first = st.one_of(_paragraphs, st.just(_node("paragraph")))
    others = st.lists(inside, max_size=2)
    item = st.builds(_item, first, others)
    task = st.builds(_task, first, others, st.booleans())
    items = st.lists(item, min_size=1, max_size=3)
    starts = st.sampled_from([None, 0, 3, 99, 999_999_999])
    return st.one_of(
        st.builds(_node, st.just("bulletList"), items),
        st.builds(_node, st.just("orderedList"), items, start=starts),
        st.builds(_node, st.just("taskList"), st.lists(task, min_size=1, max_size=2)),
        st.builds(_node, st.just("blockquote"), st.lists(inside, min_size=1, max_size=3)),
        st.just(_node("blockquote", [_node("paragraph")])),
    )


_blocks: Nodes = st.recursive(_leaves, lambda inside: _around(inside) | inside, max_leaves=8)

markdown_documents: Nodes = st.lists(_blocks, max_size=4).map(
    lambda blocks: {"type": "doc", "content": blocks}
)
"""Documents that Markdown says whole."""
