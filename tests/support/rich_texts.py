"""Random documents for Hypothesis, in TipTap's words and in any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.integers(-4000, 4000).map(lambda n: n / 4)  # pycrdt reads others in marks as a neighbour
    | st.text(max_size=3),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=3), inside, max_size=2),
    max_leaves=4,
)
"""Any JSON."""

_texts = st.text("ab 😀ä<&\n", min_size=1, max_size=5)
_names = st.sampled_from(["a", "b", "a b", "comment", "größe", "x--abcd1234"])
_attributes = st.dictionaries(st.sampled_from(["a", "@", "ä b"]), Json, max_size=2)


def _mark(name: str, attrs: Any) -> Any:
    return {"type": name, "attrs": attrs}


_marks = st.lists(st.builds(_mark, st.sampled_from(["bold", "em", "comment"]), _attributes), max_size=3)
_text = st.builds(lambda text, marks: {"type": "text", "text": text, "marks": marks}, _texts, _marks)


def _node(name: str, attrs: Any, content: Any) -> Any:
    return {"type": name, "attrs": attrs, "content": content}


_nodes = st.recursive(
    st.builds(_node, _names, _attributes, st.lists(_text, max_size=3)),
    lambda inside: st.builds(_node, _names, _attributes, st.lists(inside | _text, max_size=4)),
    max_leaves=8,
)

documents = st.builds(lambda content: {"type": "doc", "content": content}, st.lists(_nodes, max_size=4))
"""Documents of no schema, with attributes and marks of any JSON."""
