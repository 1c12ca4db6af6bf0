"""What the elements of HTML are in a document."""

from __future__ import annotations

from collections.abc import Mapping

HIDDEN = frozenset(
    [
        "script",
        "style",
        "template",
        "title",
        "noscript",
        "iframe",
        "object",
        "svg",
        "math",
        "select",
        "textarea",
        "audio",
        "video",
        "canvas",
    ]
)
"""Elements that are not shown, with all that is in them."""

MARKS: Mapping[str, str] = {
    "strong": "bold",
    "b": "bold",
    "em": "italic",
    "i": "italic",
    "s": "strike",
    "del": "strike",
    "strike": "strike",
    "u": "underline",
    "ins": "underline",
    "code": "code",
    "kbd": "code",
    "samp": "code",
    "tt": "code",
}
"""The marks that elements are; ``a`` is one by its address."""

BLOCKS: Mapping[str, str] = {
    "p": "paragraph",
    **{f"h{level}": "heading" for level in range(1, 7)},
    "pre": "codeBlock",
    "blockquote": "blockquote",
    "ul": "bulletList",
    "ol": "orderedList",
    "menu": "bulletList",
    "li": "listItem",
    "table": "table",
    "tr": "tableRow",
    "td": "tableCell",
    "th": "tableHeader",
}
"""The blocks that elements are, in TipTap's words."""

BREAKING = frozenset(
    [
        "address",
        "article",
        "aside",
        "body",
        "caption",
        "center",
        "dd",
        "details",
        "dialog",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "html",
        "legend",
        "main",
        "nav",
        "section",
        "summary",
        "tbody",
        "tfoot",
        "thead",
    ]
)
"""Elements without a meaning here that are blocks: what is before them and behind is not one paragraph."""
