"""Rich texts of a database: in a transaction, in a stream of changes, and where an editor would drop them."""

from __future__ import annotations

from typing import Any

import pytest

import protobase_live as pb

BLOCKS = {
    "type": "doc",
    "content": [
        {
            "type": "blockGroup",
            "content": [
                {"type": "blockContainer", "attrs": {"id": "1"}, "content": [{"type": "paragraph"}]},
            ],
        }
    ],
}


@pytest.fixture
async def pages():
    async with pb.open("memory:") as db:
        yield db, await db.collection("pages")


async def test_a_transaction_reads_what_it_wrote(pages) -> None:
    db, _ = pages
    async with db.transaction() as tx:
        page = tx["pages"].xml_fragment("page")
        await page.write("one", "text")
        await page.append("<b>two</b>", "html")
        assert await page.read("html") == "<p>one</p><p><strong>two</strong></p>"
        await page.delete(0)
        written = await page.read()
    assert await pages[1].xml_fragment("page").read() == written == paragraphs(("two", ["bold"]))


async def test_changes_tell_the_source(pages) -> None:
    _, notes = pages
    page = await notes.xml_fragment("page")
    async with notes.changes() as changes:
        await page.write("one\ntwo", "text")
        await page.write("one\n2", "text")
        await anext(changes)
        change = await anext(changes)
    assert change.before == "<paragraph>one</paragraph><paragraph>two</paragraph>"
    assert change.after == "<paragraph>one</paragraph><paragraph>2</paragraph>"


@pytest.mark.parametrize(
    ("there", "given", "message"),
    [
        (("- a", "markdown", "tiptap"), ("- a", "markdown", "prosemirror"), "of tiptap.*dialect='tiptap'"),
        (("a", "text", "tiptap"), ("a", "text", "blocknote"), "those of blocknote"),
        (("a", "text", "blocknote"), ("a", "text", "tiptap"), "words of blocknote.*dialect='blocknote'"),
    ],
)  # fmt: skip
async def test_what_another_editor_would_delete_is_refused(pages, there, given, message) -> None:
    page = pages[1].xml_fragment("page")
    await page.write(*there)
    for write in (page.write, page.append):
        with pytest.raises(pb.ValidationError, match=message):
            await write(*given)
    await page.write({"type": "doc"})
    await page.write(*given)
    assert await page.read("text") == "a"


async def test_blocks_go_into_the_group_with_ids_of_their_own(pages) -> None:
    page = pages[1].xml_fragment("page")
    await page.write(BLOCKS)
    await page.append(BLOCKS)
    await page.append("<ul><li>a<ul><li>b</ul></ul>", "html", "blocknote")
    await page.append("<ul><li>a<ul><li>b</ul></ul>", "html", "blocknote")
    (group,) = (await page.read())["content"]
    assert await page.count() == 1
    assert len(set(ids(group))) == len(ids(group)) == 6


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ([{"type": "paragraph"}], "holds"),
        ([], r"holds \[\]"),
        ([{"type": "blockContainer", "content": [{"type": "paragraph"}]}], "has the id None"),
        ([{"type": "blockContainer", "attrs": {"id": "1"}, "content": []}], "doc.content"),
        (2 * BLOCKS["content"][0]["content"], "has the id '1'"),
    ],
)  # fmt: skip
async def test_blocks_that_the_editor_drops_are_refused(pages, blocks, message) -> None:
    with pytest.raises(pb.ValidationError, match=message):
        await (
            pages[1]
            .xml_fragment("page")
            .write({"type": "doc", "content": [{"type": "blockGroup", "content": blocks}]})
        )


def paragraphs(*texts: Any) -> Any:
    nodes = [
        {"type": "text", "text": text, "marks": [{"type": mark} for mark in marks]} for text, marks in texts
    ]
    return {"type": "doc", "content": [{"type": "paragraph", "content": [each]} for each in nodes]}


def ids(node: Any) -> list[str]:
    own = [node["attrs"]["id"]] if node["type"] == "blockContainer" else []
    return own + [id for each in node.get("content", []) for id in ids(each)]
