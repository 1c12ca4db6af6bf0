"""`examples/fastapi_editor` in a browser, under three ASGI servers: as its README promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

import protobase_live as pb
from protobase_live.structures import Text
from tests.support.browser import Visitors
from tests.support.fastapi_editor import FOLDER, PASSWORDS, SERVERS, FastApiEditor
from tests.support.npm import build
from tests.support.yjs_node import WAIT_SECONDS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.parametrize("server", SERVERS)]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The page's program is made of what there is now."""
    build(FOLDER)


def editor(page: Page, section: str = "notes") -> Locator:
    """What is written, with the names at the cursors of others."""
    return page.locator(f"#{section} .cm-content")


def state(page: Page, section: str = "notes") -> Locator:
    """What the page says of its connection."""
    return page.locator(f"#{section} output")


async def write(page: Page, text: str, section: str = "notes") -> None:
    """At the end of what is there, as a person does."""
    await editor(page, section).click()
    await page.keyboard.press("Control+End")
    await page.keyboard.type(text)


async def log_in(page: Page, name: str) -> None:
    """By the page's own form, once the page has been refused.

    A refused page is `connected` for a moment too: the server accepts before it closes with a reason.
    """
    await expect(state(page)).to_have_text("log in first")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(PASSWORDS[name])
    await page.get_by_role("button", name="Log in").click()
    await expect(state(page)).to_have_text("connected")


async def read(changes: AsyncIterator[pb.Change], text: Text, expected: str) -> str | None:
    """Read on until `expected` is in the text; who wrote it."""
    async with asyncio.timeout(WAIT_SECONDS):
        async for change in changes:
            if change.structure == "text" and expected in await text.value():
                return change.author
    raise AssertionError("the stream ended")


async def test_who_is_not_logged_in_is_refused_at_the_door(
    server: str, tmp_path: Path, browser: Browser
) -> None:
    async with FastApiEditor(server, tmp_path).running() as app, Visitors(browser) as visitors:
        page = await visitors.enter(app.url)
        await expect(state(page)).to_have_text("log in first")
        await expect(editor(page)).to_have_count(0)
        await expect(state(page, "scratch")).to_have_text("connected")
        async with pb.connect(app.live(), token=await app.log_in("bob")) as db:
            collection = await db.collection("page")
            text = await collection.text("text")
            async with collection.changes() as changes:
                await log_in(page, "ann")
                await expect(page.locator("#login")).to_be_hidden()
                await write(page, "Hello from a browser")
                assert await read(changes, text, "Hello from a browser") == "ann"


async def test_people_and_python_write_one_text(server: str, tmp_path: Path, browser: Browser) -> None:
    async with FastApiEditor(server, tmp_path).running() as app, Visitors(browser) as visitors:
        ann, bob = await visitors.enter(app.url), await visitors.enter(app.url)
        await log_in(ann, "ann")
        await log_in(bob, "bob")
        await write(ann, "One two")
        await expect(editor(bob)).to_contain_text("One two")
        await expect(bob.locator("#notes .cm-ySelectionInfo")).to_have_text("ann")
        await write(bob, " three")
        await expect(editor(ann)).to_contain_text("One two three")
        await expect(ann.locator("#notes .cm-ySelectionInfo")).to_have_text("bob")

        await expect(ann.locator("#words")).to_have_text("3 words")
        await bob.get_by_role("button", name="Stamp").click()
        await expect(editor(ann)).to_contain_text("bob was here")
        async with pb.connect(app.live(), token=await app.log_in("bob")) as db:
            await (await (await db.collection("page")).text("text")).append("And a program")
        for page in (ann, bob):
            await expect(editor(page)).to_contain_text("And a program")

        await ann.reload()
        await expect(editor(ann)).to_contain_text("One two three")
        await expect(editor(ann)).to_contain_text("And a program")


async def test_two_prefixes_and_the_end(server: str, tmp_path: Path, browser: Browser) -> None:
    """Two databases; when the application has ended, the one with a folder is closed."""
    log = tmp_path / "protobase.db-wal"
    async with FastApiEditor(server, tmp_path).running() as app:
        async with Visitors(browser) as visitors:
            ann, stranger = await visitors.enter(app.url), await visitors.enter(app.url)
            await log_in(ann, "ann")
            await write(ann, "For you and I")
            await write(ann, "For everybody", "scratch")
            await expect(editor(stranger, "scratch")).to_contain_text("For everybody")
            await expect(stranger.locator("#scratch .cm-ySelectionInfo")).to_have_text("ann")
            await expect(editor(ann)).to_have_text("For you and I")
            await expect(editor(ann, "scratch")).to_have_text("For everybody")
            await expect(ann.locator("#words")).to_have_text("4 words")  # so the server has all of it
        assert log.exists()
    assert not log.exists(), "who closes the database leaves nothing in its write-ahead log"
    async with pb.open(f"file:{tmp_path}") as db:
        assert [each.name for each in await db.collections()] == ["page"]
        assert await (await (await db.collection("page")).text("text")).value() == "For you and I"
