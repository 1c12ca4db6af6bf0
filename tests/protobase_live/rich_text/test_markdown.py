"""Markdown says what HTML does, and comes back as it was."""

from __future__ import annotations

import builtins
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live import ValidationError
from protobase_live.rich_text import neutral, read_form, write_form

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


def test_html_in_it_is_text():
    found = read_form("<script>a</script> [b](javascript:c)", "markdown", "tiptap")
    assert write_form(found, "text") == "<script>a</script> [b](javascript:c)"


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.delattr("protobase_live.rich_text.markdown", raising=False)
    monkeypatch.delitem(sys.modules, "protobase_live.rich_text.markdown", raising=False)
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name == "markdownify":
            raise ImportError(name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ValidationError, match=r"pip install 'protobase-live\[richtext\]'"):
        write_form({"type": "doc", "content": []}, "markdown")
