"""Rich texts between Python, REST and real editors that have them open: random documents of the editors'
schemas, what programs write in other forms, and what the editors do to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import urllib.request
from random import Random
from typing import Any

import pytest

import protobase_live as pb
from protobase_live.rich_text import check_document, neutral, read_form
from tests.support.editors import SCRIPT
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import WAIT_SECONDS, NodeClients, YjsClient

FRAGMENTS = {"tiptap": "default", "prosemirror": "prosemirror", "blocknote": "blocknote"}

DOCUMENTS = int(os.environ.get("RICH_TEXTS", "12"))
"""RICH_TEXTS=500 makes so many documents of each schema."""

SOURCES = 300

TAGS = [
    "p", "h1", "h3", "pre", "code", "blockquote", "ul", "ol", "li", "table", "tr", "td", "th",
    "b", "i", "a", "s", "br", "hr", "img src=/a.png", "div", "span", "script", "input type=checkbox",
]  # fmt: skip
PIECES = [
    "a", " b ", "<a href=/there>", "&amp;", *(f"<{tag}>" for tag in TAGS), *(f"</{tag}>" for tag in TAGS)
]  # fmt: skip

_TABLES = frozenset({"table", "tr", "td", "th"})
LACKING = {"tiptap": _TABLES, "prosemirror": _TABLES | {"ul", "ol", "li"}}
"""What the editors' schemas have no nodes for."""

SHOWN = """JSON.parse(JSON.stringify(view.state.doc), (_, value) => {
  if (value?.marks && value.type !== 'text') delete value.marks
  return value
})"""
"""Marks of what is no text, such as of a line break, no binding stores: only who gave them shows them."""

EDITS = """for (let n = 0; n < 5; n++) {
  try { edit() } catch (error) { if (error.name !== 'TransformError') throw error }
}"""
"""Some edits do not fit into what is selected."""

TEXT = "view.state.doc.textBetween(0, view.state.doc.content.size, '\\n')"
BEFORE_CURSOR = (
    "(({ parent, parentOffset }) => parent.textContent.slice(0, parentOffset))(view.state.selection.$from)"
)

HTML = (
    "<h2>A <em>plan</em></h2><p>one<br>two <a href='https://a.example'>there</a></p>"
    "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul><ol start=3><li>d</ol>"
    "<blockquote>e</blockquote><pre><code class='language-js'>f()\n</code></pre><hr><script>no()</script>"
    "<p>end</p>"
)
LISTLESS = re.sub("<(ul|ol).*</(ul|ol)>", "", HTML)
"""ProseMirror's basic schema has no lists."""


@pytest.mark.parametrize("editor", FRAGMENTS)
async def test_what_is_written_is_shown_and_what_is_edited_is_read(
    server: ServerProcess, editor: str
) -> None:
    async with NodeClients(SCRIPT) as node, pb.connect(server.live) as db:
        one, other = [await _opened(node, server, editor, seed) for seed in range(2)]
        page = (await db.collection("page")).xml_fragment(FRAGMENTS[editor])
        for number in range(DOCUMENTS):
            # Bindings cannot restore every selection, and then show nothing of what their document has.
            await asyncio.gather(*(each.run("selectAll()") for each in (one, other)))
            given = await one.get("randomJSON()")
            if number % 2:
                await page.write(given)
            else:
                _rest(server, editor, "PUT", given)
            await one.until_equal(SHOWN, given)
            await other.until_equal(SHOWN, given)
            assert await page.read() == _rest(server, editor) == check_document(given)
            await one.run(EDITS)
            read = await _read_as_shown(server, editor, one, other)
            assert await page.read() == read


@pytest.mark.parametrize("editor", FRAGMENTS)
@pytest.mark.parametrize("form", ["html", "markdown", "text"])
async def test_other_forms_are_put_into_nodes_that_the_editor_knows(
    server: ServerProcess, editor: str, form: str
) -> None:
    async with NodeClients(SCRIPT) as node, pb.connect(server.live) as db:
        one = await _opened(node, server, editor, 1)
        page = (await db.collection("page")).xml_fragment(FRAGMENTS[editor])
        await page.write(HTML if editor != "prosemirror" else LISTLESS, "html", editor)
        source = await page.read(form)
        await page.write(source, form, editor)
        written = await page.read()
        await one.until("view.state.doc.eq(view.state.schema.nodeFromJSON(args.written))", written=written)
        assert await _with_defaults(one, written) == await one.get(SHOWN)
        assert await page.read(form) == source
        await page.append("<p>more</p>", "html", editor)
        await one.until("view.state.doc.textContent.endsWith('more')")
        assert await _with_defaults(one, await page.read()) == await one.get(SHOWN)
        assert neutral(await page.read())["content"][-1] == {
            "type": "paragraph", "content": [{"type": "text", "text": "more"}]
        }  # fmt: skip


@pytest.mark.parametrize("editor", FRAGMENTS)
async def test_whatever_html_says_fits_the_schema(server: ServerProcess, editor: str) -> None:
    random = Random(7)
    absent = LACKING.get(editor, frozenset())
    pieces = [piece for piece in PIECES if piece.strip("</>") not in absent]
    sources = ["".join(random.choices(pieces, k=random.randint(1, 25))) for _ in range(SOURCES)]
    documents = [read_form(source, "html", editor) for source in sources]
    async with NodeClients(SCRIPT) as node:
        one = await _opened(node, server, editor, 1)
        code = """return args.documents.filter(document => document.content.length > 0).map(document => {
          try { view.state.schema.nodeFromJSON(document).check() } catch (error) { return [error.message] }
        }).filter(found => found)"""
        assert await one.run(code, documents=documents) == []


async def test_cursors_stay_where_others_write(server: ServerProcess) -> None:
    """In other blocks, and in the same one before and behind the cursor."""
    async with NodeClients(SCRIPT) as node, pb.connect(server.live) as db:
        one = await _opened(node, server, "tiptap", 1)
        page = (await db.collection("page")).xml_fragment("default")
        await page.write("one\ntwo three four\nfive", "text")
        await one.until("view.state.doc.childCount === 3")
        await one.run(
            "const { tr, selection } = view.state;"
            "view.dispatch(tr.setSelection(selection.constructor.near(tr.doc.resolve(args.at))))",
            at=len("(one)(") + len("two three fo"),
        )
        assert await one.get(BEFORE_CURSOR) == "two three fo"
        for text in (
            "one\ntwo 3 four\nfive",
            "zero\none\ntwo 3 four\nfive",
            "zero\none\ntwo 3 four\nsix\nseven",
            "two 3 four!\nsix\nseven",
        ):
            await page.write(text, "text")
            await one.until(f"{TEXT} === args.text", text=text)
        assert await one.get(BEFORE_CURSOR) == "two 3 fo"


async def test_lexical_is_read_and_not_written(server: ServerProcess) -> None:
    async with NodeClients(SCRIPT) as node, pb.connect(server.live) as db:
        lexical = await (await node.open(server.yjs, "page", editor="lexical", seed=1)).synced()
        other = await (await node.open(server.yjs, "page", editor="lexical", seed=2)).synced()
        await lexical.run("for (let n = 0; n < 40; n++) edit()")
        state = await lexical.get("JSON.parse(JSON.stringify(dump().content))")
        await other.until_equal("JSON.parse(JSON.stringify(dump().content))", state)
        page = (await db.collection("page")).xml_fragment("root")
        shown = await lexical.get("edit.text()")
        assert _in_halves(await page.read("text")) == _in_halves(shown)
        assert shown.strip()
        with pytest.raises(pb.ValidationError, match="Lexical"):
            await page.write("new", "text")


def _in_halves(text: str) -> str:
    """Lexical replaces halves of characters, which Yjs then has as U+FFFD."""
    return "".join("\ufffd\ufffd" if each > "\uffff" else each for each in text)


async def _opened(node: NodeClients, server: ServerProcess, editor: str, seed: int) -> YjsClient:
    return await (await node.open(server.yjs, "page", editor=editor, seed=seed)).synced()


async def _read_as_shown(server: ServerProcess, editor: str, *clients: YjsClient) -> Any:
    """What is read over REST once all editors show it: each may add a paragraph to what it is sent."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        before, *others = [await each.get(SHOWN) for each in clients]
        read = _rest(server, editor)
        settled = all(each == before for each in others) and await clients[0].get(SHOWN) == before
        # What an editor has just added by itself may not be stored yet.
        if settled and await _with_defaults(clients[0], read) == before:
            return read
        assert asyncio.get_running_loop().time() < deadline, "they do not come to agree"


async def _with_defaults(client: YjsClient, read: Any) -> Any:
    """What was read, with the defaults of the editor's schema, which it fits."""
    code = "const shown = view.state.schema.nodeFromJSON(args.read); shown.check(); return shown.toJSON()"
    return await client.run(code, read=read)


def _rest(server: ServerProcess, editor: str, method: str = "GET", document: Any = None) -> Any:
    url = f"http://127.0.0.1:{server.port}/api/v1/collections/page/fragments/{FRAGMENTS[editor]}"
    body = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)
