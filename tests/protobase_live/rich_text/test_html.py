"""HTML: what is read of it, what is written, and that nothing in it runs."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live import LimitExceeded, ValidationError
from protobase_live.rich_text import FORMS, check_document, neutral, read_form, require_dialect, write_form
from protobase_live.rich_text.urls import safe_image, safe_link
from tests.support.rich_texts import documents

TAGS = [
    "p", "h1", "h2", "pre", "code", "blockquote", "ul", "ol", "li", "table", "tr", "td", "th",
    "b", "i", "a", "s", "br", "hr", "img", "div", "span", "script", "style", "input",
]  # fmt: skip
TEXTS = [
    "a", " b ", "\n", "&lt;", "<", "<input type=checkbox checked>", "<img src=/a.png>", "<a href=/there>"
]  # fmt: skip
pieces = st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS] + TEXTS)
soup = st.lists(pieces, max_size=25).map("".join)


def html(source: str, dialect: str = "tiptap") -> str:
    return write_form(read_form(source, "html", dialect), "html")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>one<p>two", "<p>one</p><p>two</p>"),
        ("text <b>bold <i>both</b></i>", "<p>text <strong>bold <em>both</em></strong></p>"),
        ("<ul><li>a<ul><li>b</ul><li>c</ul>",
         "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul>"),
        ("<ol start=3><li>a</ol>", '<ol start="3"><li><p>a</p></li></ol>'),
        ("<pre><code class='language-c++'>a\n <b>b</b>\n</code></pre>",
         '<pre><code class="language-c++">a\n b\n</code></pre>'),
        ("<h7>a</h7><h3> a  b </h3>", "<p>a</p><h3>a b</h3>"),
        ("<div>a<div>b</div>c</div>", "<p>a</p><p>b</p><p>c</p>"),
        ("<p>a<script>alert(1)</script><style>p{}</style>b", "<p>ab</p>"),
        ("<blockquote></blockquote><ul></ul>", "<blockquote><p></p></blockquote>"),
        ("<a href='javascript:alert(1)'>a</a><a href='/b' onclick=x>b</a>",
         '<p>a<a href="/b" rel="noopener noreferrer nofollow">b</a></p>'),
        ("<li>a", "<ul><li><p>a</p></li></ul>"),
        ("<b><code>a</code></b>", "<p><code>a</code></p>"),
        ("<img src='b.png' alt='c'>", '<p><a href="b.png" rel="noopener noreferrer nofollow">c</a></p>'),
        ("<ul><li><input type=checkbox checked>a</ul>", "<ul><li><p>[x] a</p></li></ul>"),
    ],
)  # fmt: skip
def test_what_is_read(source, expected):
    assert html(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<ul><li>a<ol><li>b</ol><li>c</ul>",
         "<ul><li><p>a</p><ol><li><p>b</p></li></ol></li><li><p>c</p></li></ul>"),
        ("<ul><li><input type=checkbox checked>a</ul>",
         '<ul data-type="taskList"><li data-type="taskItem">'
         '<p><input type="checkbox" disabled checked> a</p></li></ul>'),
        ("<table><tr><th>a<td>b</table>",
         "<table><tbody><tr><th><p>a</p></th><td><p>b</p></td></tr></tbody></table>"),
        ("<blockquote><p>a<p>b</blockquote><hr><img src=b.png alt=c>",
         '<blockquote><p>a</p></blockquote><blockquote><p>b</p></blockquote><hr><img src="b.png" alt="c">'),
    ],
)  # fmt: skip
def test_what_is_read_for_blocknote(source, expected):
    assert html(source, "blocknote") == expected


@given(soup, st.sampled_from(["tiptap", "prosemirror", "blocknote"]))
def test_any_html_is_a_document_and_once_read_stays(source, dialect):
    if dialect != "blocknote":
        source = re.sub(r"</?t\w>|</?table>", "", source)
    document = read_form(source, "html", dialect)
    require_dialect({"type": "doc", "content": []}, document)
    again = read_form(write_form(document, "html"), "html", dialect)
    assert neutral(again) == neutral(document)


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.append((tag, dict(attrs)))


hostile = st.sampled_from(
    [
        "javascript:a",
        " JAVA\tscript:a",
        "data:text/html,a",
        "vbscript:a",
        '"><script>',
        "<img onerror=a>",
        "https://a",
    ]
)


@given(
    documents,
    hostile,
    st.sampled_from(["link", "a", "bold"]),
    st.sampled_from(["image", "heading", "codeBlock", "<b>"]),
)
@settings(max_examples=200)
def test_nothing_runs(document, value, mark, kind):
    attrs = {"href": value, "src": value, "level": value, "language": value, "label": value, "alt": value}
    text = {"type": "text", "text": value, "marks": [{"type": mark, "attrs": attrs}, {"type": value}]}
    hostile = [{"type": kind, "attrs": attrs, "content": [text]}, {"type": kind, "attrs": attrs}]
    source = write_form(check_document({"type": "doc", "content": [*document["content"], *hostile]}), "html")
    reader = Elements()
    reader.feed(source)
    for tag, found in reader.found:
        assert tag not in ("script", "b")
        assert not [name for name in found if name.startswith("on")]
        for address in (found.get("href"), found.get("src")):
            assert address is None or safe_image(address)


@pytest.mark.parametrize("address", ["https://a", "/a?b:c", "#a", "mailto:a@b", "a.html", "//a/b", "tel:1"])
def test_links_that_are_safe(address):
    assert safe_link(address) == address


@pytest.mark.parametrize(
    "address",
    ["javascript:a", "JavaScript:a", "java\nscript:a", "\x01javascript:a", "data:text/html,a", "file:///a",
     5, None, "java\u200bscript:a", "data:image/svg+xml;base64,a"],
)  # fmt: skip
def test_links_that_are_not(address):
    assert safe_link(address) is None
    assert safe_image(address) is None


@pytest.mark.parametrize(
    "source",
    [
        "<p>"
        + "".join(f"<b id={n}>" for n in range(2000))
        + "</p>"
        + "<p>a" * 2000,  # 2 GB of nodes in a tree
        "".join(f"<b>{n}<div>" for n in range(20_000)),
        "<b>" * 100 + "a<br>" * 100_000,
        "<img src=a>" * 100_000,
        "<table><tr>" + "<td>" * 100_000,
        "<" * 500_000,
        "a<!---->" * 100_000,
    ],
)
def test_what_takes_long_to_read_is_refused(source):
    with pytest.raises(LimitExceeded, match="MAX_N"):
        read_form(source, "html", "blocknote")


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 200_000,
        "<a " * 200_000,
        "<!--" * 200_000,
        "<script>" * 100_000,
        "</svg>" * 100_000,
        "<svg>" * 100_000 + "</math>" * 100_000,
        f"<p {'a=1 ' * 200_000}>",
        "<a b='" * 100_000,
    ],
)
def test_what_is_long_is_read_in_one_pass(source):
    read_form(source, "html", "blocknote")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b &amp;lt; &copy 1 </3 >", "a < b &lt; © 1"),
        ("<!-- <b> -->a<!-->b<!--->c<?d>e<!f>g<!-- h", "abceg"),
        ("<p title=\"a > b\"a='>'>c<br/>d<P/>e", "c\nd\ne"),
        ("<title>a</title><TextArea><b></textareas></TEXTAREA >b<style></p>", "b"),
        ("a<svg><svg></svg>b</svg>c<svg/>d", "acd"),
        ("<pre>\r\na\r\n\r\nb</pre>", "a\n\nb"),
        ("<table><td><b>a<td>b</table>", "a\nb"),
        ("<tr><td>a</td></tr>b", "ab"),
        ("a<b", "a"),
    ],
)
def test_tags_and_texts_are_those_of_html(source, expected):
    assert write_form(read_form(source, "html", "blocknote"), "text") == expected


def test_attributes_are_those_of_html():
    for source in (
        "<a href=/b?c=1&copy=2>",
        "<a x=1 HREF = '/b?c=1&amp;copy=2' href=/d>",
        '<a/href="/b?c=1&copy=2"x>',
    ):
        assert 'href="/b?c=1&amp;copy=2"' in html(source + "a")


def test_what_is_too_much_or_has_no_place():
    with pytest.raises(LimitExceeded, match="MAX_NESTED"):
        read_form("<blockquote>" * 100, "html", "tiptap")
    with pytest.raises(LimitExceeded, match="MAX_NESTED_MARKS"):
        read_form("<b>a" * 1000, "html", "tiptap")
    with pytest.raises(ValidationError, match="a table has no place"):
        read_form("<table><tr><td>a", "html", "tiptap")
    with pytest.raises(ValidationError, match="dialects are tiptap, prosemirror, blocknote"):
        read_form("a", "html", "word")
    with pytest.raises(ValidationError, match="forms are prosemirror, html, markdown, text"):
        read_form("a", "rtf", "tiptap")
    with pytest.raises(ValidationError, match="expected a str of html"):
        read_form(b"a", "html", "tiptap")
    assert set(FORMS) == {"html", "markdown", "text"}
