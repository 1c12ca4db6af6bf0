"""Markdown says what HTML does, and comes back as it was."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live import LimitExceeded, ValidationError
from protobase_live.rich_text import check_document, neutral, read_form, write_form
from protobase_live.rich_text.markdown_reader import document_of_markdown
from tests.support.markdown_documents import markdown_documents

SOURCE = """\
# A plan

one **two *three*** `code` [there](/there) ~~gone~~\\
next

- a

  - b
- c

3. d

> e

```js
f()
```

---

- [x] done
- [ ] open

| a | b |
| --- | --- |
| c | d |"""

lines = st.text("ab *_`#>-+.1)[]<&!|~\\", min_size=1, max_size=12).map(str.strip).filter(bool)


def test_what_is_read_and_written():
    document = read_form(SOURCE, "markdown", "blocknote")
    assert write_form(document, "html") == (
        "<h1>A plan</h1>"
        '<p>one <strong>two <em>three</em></strong> <code>code</code> <a href="/there" '
        'rel="noopener noreferrer nofollow">there</a> <s>gone</s><br>next</p>'
        "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul>"
        '<ol start="3"><li><p>d</p></li></ol><blockquote><p>e</p></blockquote>'
        '<pre><code class="language-js">f()\n</code></pre><hr>'
        '<ul data-type="taskList">'
        '<li data-type="taskItem"><p><input type="checkbox" disabled checked> done</p></li>'
        '<li data-type="taskItem"><p><input type="checkbox" disabled> open</p></li></ul>'
        "<table><tbody><tr><th><p>a</p></th><th><p>b</p></th></tr><tr><td><p>c</p></td><td><p>d</p></td></tr>"
        "</tbody></table>"
    )
    again = read_form(write_form(document, "markdown"), "markdown", "blocknote")
    assert neutral(again) == neutral(document)


@given(st.lists(lines, max_size=4))
def test_texts_are_escaped(texts):
    content = [{"type": "paragraph", "content": [{"type": "text", "text": each}]} for each in texts]
    document = {"type": "doc", "content": content}
    said = read_form(write_form(document, "markdown"), "markdown", "tiptap")
    assert write_form(said, "text").split() == write_form(document, "text").split()


@given(markdown_documents)
@settings(max_examples=300)
def test_what_is_written_is_read_as_it_was(document):
    expected = check_document(document)
    source = write_form(expected, "markdown")
    assert document_of_markdown(source) == expected, source


def said(*content: Any) -> str:
    return write_form(check_document({"type": "doc", "content": list(content)}), "markdown")


def text(content: str, *marks: Any) -> Any:
    return {"type": "text", "text": content, "marks": list(marks)}


def paragraph(*content: Any) -> Any:
    return {"type": "paragraph", "content": list(content)}


def link(address: str) -> Any:
    return {"type": "link", "attrs": {"href": address}}


def test_nothing_gets_out_of_where_it_stands():
    code = {"type": "codeBlock", "attrs": {"language": "a\n```\n# b"}, "content": [text("```\n# c")]}
    assert said(code) == "````\n```\n# c\n````"
    assert said(paragraph(text("a", link("/b)[c](/evil")))) == "[a](</b)[c](/evil>)"
    assert said(paragraph(text("a](/evil)", link("/b")))) == "[a\\](/evil)](/b)"
    assert said(paragraph(text("a", link("javascript:b")))) == "a"
    assert said({"type": "image", "attrs": {"src": "/a", "alt": "](/evil)"}}) == "![\\](/evil)](/a)"
    assert said(paragraph(text("<script>&lt;"))) == "\\<script>\\&lt;"
    assert said(paragraph(text("a`b", {"type": "code"}))) == "``a`b``"


def test_marks_within_words_and_beside_spaces():
    bold, italic = {"type": "bold"}, {"type": "italic"}
    assert said(paragraph(text("a"), text("bb", bold), text("c"))) == "a**bb**c"
    assert said(paragraph(text("a"), text(" b ", bold), text("c"))) == "&#97;**&#32;b&#32;**&#99;"
    assert said(paragraph(text("a"), text("b", italic))) == "&#97;_b_"


def test_what_is_no_block_of_markdown_is_what_is_in_it():
    label = {"type": "mention", "attrs": {"label": "Ann"}}
    callout = {
        "type": "callout",
        "content": [paragraph(text("a"), label), {"type": "x"}, paragraph(text("b"))],
    }
    assert said(callout) == "aAnn\n\nb"


def test_what_is_nested_too_deep_is_refused_and_nothing_is_left_out():
    deep = "".join(f"{'  ' * level}- a{level}\n" for level in range(18))
    assert write_form(read_form(deep, "markdown", "tiptap"), "text").split()[-1] == "a17"
    for source in (">" * 100, "".join(f"{'  ' * level}- a\n" for level in range(30))):
        with pytest.raises(LimitExceeded, match="MAX_NESTED"):
            read_form(source, "markdown", "tiptap")


@pytest.mark.parametrize("source", ["> " * 30 + "a\n" + "b\n" * 20_000, "[" * 200_000, "*a_ " * 100_000])
def test_what_takes_long_to_read_is_refused(source):
    with pytest.raises(LimitExceeded, match="MAX_MARKDOWN_STEPS"):
        read_form(source, "markdown", "tiptap")


def test_html_in_it_is_text():
    found = read_form("<script>a</script> [b](javascript:c)", "markdown", "tiptap")
    assert write_form(found, "text") == "<script>a</script> [b](javascript:c)"


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.delattr("protobase_live.rich_text.markdown_reader", raising=False)
    monkeypatch.delitem(sys.modules, "protobase_live.rich_text.markdown_reader", raising=False)
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "markdown_it":
            raise ImportError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValidationError, match=r"pip install 'protobase-live\[richtext\]'"):
        read_form("a", "markdown", "tiptap")
