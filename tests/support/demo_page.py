"""``protobase-live demo`` as a process, and its page as somebody sees it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Locator, Page, expect

COMMAND = Path(sys.executable).with_name("protobase-live")
FOLDER = Path(__file__).resolve().parents[2] / "web_demo"
AXE = FOLDER / "node_modules" / "axe-core" / "axe.min.js"
START_SECONDS = 60.0
NODES = ("n1", "n2", "n3")


@asynccontextmanager
async def running_demo(storage: str, *options: str) -> AsyncIterator[str]:
    """The address of its page; the demo ends with the block."""
    arguments = ["demo", "--storage", storage, "--port", "0", "--no-open", *options]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(str(COMMAND), *arguments, stdout=pipe)
    assert process.stdout is not None
    unread: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(START_SECONDS):
            first = (await process.stdout.readline()).decode()
        assert first.startswith("open "), "the demo did not start"
        unread = asyncio.create_task(_read_on(process.stdout))
        yield first.split()[1]
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
        if unread is not None:
            await unread


async def _read_on(reader: asyncio.StreamReader) -> None:
    """What nobody reads would hold the demo up."""
    while await reader.read(65_536):
        pass


class DemoPane:
    """One pane of a page."""

    def __init__(self, page: Page, node: str) -> None:
        self.element = page.locator(f".pane[data-node={node}]")
        self._page = page

    @property
    def document(self) -> Locator:
        """What is written, with the names at the cursors of others."""
        return self.element.locator(".ProseMirror")

    @property
    def standing(self) -> Locator:
        """Where its client is, in words."""
        return self.element.locator(".standing")

    def column(self, name: str) -> Locator:
        """A column of the board."""
        return self.element.locator(f".column[data-column={name}]")

    def in_column(self, name: str, title: str) -> Locator:
        """The title of a task in a column."""
        return self.column(name).get_by_role("button", name=title, exact=True)

    def card(self, title: str) -> Locator:
        """The card of a task."""
        return self.element.locator(".card", has=self._page.get_by_role("button", name=title, exact=True))

    def query(self, title: str) -> Locator:
        """The rows of a live query."""
        return self.element.get_by_role("region", name=title).locator("li")

    async def write(self, text: str) -> None:
        """At the end of the document, as a person does."""
        await self.document.click()
        await self._page.keyboard.press("Control+End")
        await self._page.keyboard.type(text)


class DemoPage:
    """A page of the demo, with a pane for each node."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panes = [DemoPane(page, name) for name in NODES]

    async def ready(self) -> DemoPage:
        """Wait until all panes are connected and show what is there."""
        for pane in self.panes:
            await expect(pane.standing).to_have_text("connected")
            await expect(pane.element.locator(".card")).not_to_have_count(0)
        await expect(self.page.locator(".agreement")).to_have_text("hashes equal")
        return self

    def node(self, name: str) -> Locator:
        """A node in the picture."""
        return self.page.locator(f"button.node[data-name={name}]")

    def link(self, one: str, other: str) -> Locator:
        """A link in the picture."""
        return self.page.locator(f"button.link[data-between={one}-{other}]")

    async def cut_off(self, name: str) -> None:
        """Cut a node off from the others, and wait until it is."""
        for other in NODES:
            if other != name:
                link = self.link(*sorted((name, other)))
                await link.click()
                await expect(link).to_have_attribute("data-standing", "cut")

    async def join_again(self, name: str) -> None:
        """Heal its links, and wait until they are up."""
        for other in NODES:
            if other != name:
                link = self.link(*sorted((name, other)))
                await link.click()
                await expect(link).to_have_attribute("data-standing", "up")
