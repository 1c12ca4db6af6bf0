"""TipTap's own documentation's page in a browser; only the URL is another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Locator, Page, expect

import protobase_live as pb
from tests.support.browser import Visitors
from tests.support.files import files
from tests.support.npm import build
from tests.support.server_process import SERVE, ServerProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOLDER = Path(__file__).with_name("tiptap")


def text(page: Page) -> Locator:
    """What is written, without the names at the carets of others."""
    return page.locator(".tiptap")


async def saved(page: Page) -> None:
    """Wait until the provider says that nothing is unsynced."""
    await expect(page.locator("output")).to_have_text("saved")


@pytest.fixture
def page() -> Iterator[str]:
    """Where the page is."""
    build(FOLDER)
    with files(FOLDER) as origin:
        yield f"{origin}/index.html"


async def test_two_people_write_and_python_reads(page: str, tmp_path: Path, browser: Browser) -> None:
    command = *SERVE, "--origin", page.removesuffix("/index.html")
    async with ServerProcess(tmp_path / "data", command) as server, Visitors(browser) as visitors:
        ann, bob = [
            await visitors.enter(f"{page}?{urlencode({'url': server.hocuspocus, 'user': name})}")
            for name in ("ann", "bob")
        ]
        for each in ann, bob:
            await saved(each)

        await text(ann).click()
        await ann.keyboard.type("# Plan")  # becomes a heading
        await ann.keyboard.press("Enter")
        await ann.keyboard.type("Rest")
        await expect(text(bob).locator("h1")).to_have_text("Plan")
        # Her caret goes elsewhere: where the caret of another is drawn again, an editor may forget what was
        # typed right there and is not read from the page yet.
        await ann.keyboard.press("Control+Home")
        await expect(text(bob).locator("h1 .collaboration-carets__label")).to_have_text("ann")

        await text(bob).get_by_text("Rest").click()
        await bob.keyboard.press("End")
        # His editor learns from the browser where his caret is, which forgets what he is about to write in.
        await expect(text(ann).locator("p").first).to_have_text(re.compile(r"^Rest\W*bob$"))
        await bob.keyboard.press("Control+b")
        await bob.keyboard.type(" well")
        await expect(text(ann).locator("strong")).to_contain_text("well")
        await expect(text(ann).locator(".collaboration-carets__label")).to_have_text("bob")
        await saved(bob)

        await ann.reload()
        await saved(ann)
        await text(ann).click()
        await ann.keyboard.press("Control+Home")
        await ann.keyboard.type("The ")
        await expect(text(bob).locator("h1")).to_contain_text(re.compile("^The .*Plan"))
        await saved(ann)
        async with pb.connect(server.live) as db:
            fragment = (await db.collection("example-document")).xml_fragment("default")
            html = await fragment.read("html")
            assert html.startswith("<h1>The Plan</h1><p>Rest<strong> well</strong></p>")
