"""`examples/react_tiptap` in a browser: as its README promises."""

from __future__ import annotations

import asyncio
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page, expect

import protobase_live as pb
from tests.support.browser import Visitors
from tests.support.files import files
from tests.support.npm import build
from tests.support.yjs_node import WAIT_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")

FOLDER = Path(__file__).parents[2] / "examples" / "react_tiptap"


@pytest.fixture
def origin() -> Iterator[str]:
    """Where the page is."""
    build(FOLDER)
    with files(FOLDER) as origin:
        yield origin


async def until_printed(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wait until Python has said it."""
    printed = ""
    async with asyncio.timeout(WAIT_SECONDS):
        while line not in printed.splitlines():
            printed += capsys.readouterr().out
            await asyncio.sleep(0.01)


async def test_two_people_write_and_python_sees_every_change(
    origin: str, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    example = runpy.run_path(str(FOLDER / "server.py"))
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0, authenticate=example["who"], origins=[origin]) as server,
        Visitors(browser) as visitors,
    ):
        following = asyncio.ensure_future(example["follow"](db))
        ann, bob = [await enter(visitors, origin, server, name) for name in ("ann", "bob")]
        await ann.locator(".tiptap").click()
        await ann.keyboard.type("# Plan")
        await until_printed("ann: '# Plan'", capsys)
        await expect(bob.locator(".tiptap h1")).to_contain_text("Plan")
        await ann.keyboard.press("Home")  # no caret is drawn where he types: his editor may forget a letter
        await expect(bob.locator(".tiptap h1")).to_have_text(re.compile(r"^\W*ann\W*Plan$"))
        await bob.locator(".tiptap h1").click()
        await bob.keyboard.press("End")
        await bob.keyboard.type(" B")
        await until_printed("bob: '# Plan B'", capsys)
        await expect(ann.locator(".tiptap h1")).to_contain_text("Plan B")
        await bob.keyboard.press("Control+z")  # his own alone
        await until_printed("bob: '# Plan'", capsys)
        following.cancel()


async def enter(visitors: Visitors, origin: str, server: pb.Server, name: str) -> Page:
    """Somebody opens the page."""
    asked = urlencode({"name": name, "server": f"ws://127.0.0.1:{server.port}/yjs"})
    page = await visitors.enter(f"{origin}/index.html?{asked}")
    await expect(page.locator(".tiptap")).to_be_visible()
    return page
