"""A real browser, Debian's Chromium driven by Playwright, and the rules that every page in it has to keep."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    Route,
    async_playwright,
    expect,
)

from tests.support.programs import find_program
from tests.support.yjs_node import WAIT_SECONDS

HERE = ("127.0.0.1", "localhost")
"""The hosts that pages may load from."""
ARGUMENTS = (
    "--no-sandbox",  # which root needs
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, " + ", ".join(f"EXCLUDE {host}" for host in HERE),
)
LOST = r"error: WebSocket connection to 'ws://127\.0\.0\.1:\d+/(live|yjs)\b[^']*' failed: "
"""What a browser says of a connection that is not taken, or breaks off while it is made."""

expect.set_options(timeout=WAIT_SECONDS * 1_000)


def find_chromium() -> str:
    """Where the browser is. Raises as `find_program`."""
    return find_program("chromium", "browser", "chromium")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser, as long as it is needed."""
    path = find_chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


class Visitors:
    """People with a browser each, who share nothing; an async context manager.

    A page that tells an error, or asks for anything from another machine, is at fault, and that fails the
    test at the end. Whatever is waited for on a page is waited for at most `WAIT_SECONDS`.
    """

    def __init__(self, browser: Browser, forgives: str | None = None) -> None:
        """What a page tells that `forgives`, a regular expression, begins to match is no fault."""
        self._browser = browser
        self._forgives = forgives
        self._contexts: list[BrowserContext] = []
        self.faults: list[str] = []
        """What pages did that none may do."""

    async def __aenter__(self) -> Visitors:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for context in self._contexts:
            for page in context.pages:
                await _hear_out(page)
            await context.close()
        if error is None:
            assert self.faults == [], self.faults
        elif self.faults:
            error.add_note(f"faults of the pages: {self.faults}")

    async def enter(self, url: str) -> Page:
        """One more visitor, who looks at a page."""
        context = await self._browser.new_context(service_workers="block")  # these could load unseen
        self._contexts.append(context)
        context.set_default_timeout(WAIT_SECONDS * 1_000)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.faults.append(f"uncaught: {error.error}"))
        await context.route(is_elsewhere, self._abort)
        page = await context.new_page()
        page.on("crash", lambda _: self.faults.append(f"crashed: {url}"))
        page.on("websocket", lambda socket: self._look_at(socket.url))
        await page.goto(url)
        return page

    def _hear(self, message: ConsoleMessage) -> None:
        told = f"{message.type}: {message.text}"
        forgiven = self._forgives is not None and re.match(self._forgives, told)
        if message.type in ("error", "warning") and not forgiven:
            self.faults.append(told)

    async def _abort(self, route: Route) -> None:
        self._look_at(route.request.url)
        await route.abort()

    def _look_at(self, url: str) -> None:
        if is_elsewhere(url):
            self.faults.append(f"asked for {url}")


async def _hear_out(page: Page) -> None:
    """Wait until a page's last errors have come here: they are told a turn of its event loop later."""
    with suppress(Error):  # it has crashed, or is closed
        await page.evaluate("new Promise(end => setTimeout(end))")


def is_elsewhere(url: str) -> bool:
    """Whether that is to be had from another machine."""
    return urlsplit(url).scheme in ("http", "https", "ws", "wss") and urlsplit(url).hostname not in HERE
