"""Look at the demo's page and write what is seen to `docs/images/`: light, dark, and on a phone.

Run it as ``python -m tools.demo_screenshots``, once the page is built and where Chromium is.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page

from tests.support.browser import chromium
from tests.support.demo_page import DemoPage, running_demo
from tests.support.npm import build

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
DESK = (1440, 1060)
PHONE = (390, 844)
WORK_MS = 4_000
"""How long the scripted people are let work before anybody looks."""


async def main() -> None:
    """Write all of them."""
    build(ROOT / "web_demo")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with chromium() as browser, running_demo(f"file:{folder}") as url:
            demo = await DemoPage(await _open(browser, url, DESK)).ready()
            await _use(demo)
            await demo.page.screenshot(path=IMAGES / "demo-light.png")
            await demo.page.emulate_media(color_scheme="dark")
            await demo.page.screenshot(path=IMAGES / "demo-dark.png")
            phone = await _open(browser, url, PHONE)
            await DemoPage(phone).ready()
            await phone.locator(".tabs").scroll_into_view_if_needed()
            await phone.evaluate("document.querySelector('.tabs').scrollIntoView()")
            await phone.screenshot(path=IMAGES / "demo-phone.png")


async def _open(browser: Browser, url: str, size: tuple[int, int]) -> Page:
    width, height = size
    page = await browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
    await page.goto(url)
    return page


async def _use(demo: DemoPage) -> None:
    ann, bob, cy = demo.panes
    await demo.page.get_by_role("button", name="Add 10").click()
    await demo.page.wait_for_timeout(WORK_MS)
    await demo.page.get_by_role("button", name="Send home").click()
    await demo.page.wait_for_timeout(WORK_MS)
    await demo.page.reload()  # what was measured meanwhile tells of this machine
    await demo.ready()
    await ann.document.click()
    await ann.element.get_by_role("button", name="Heading").click()
    await demo.page.keyboard.type("Plan for Friday\n", delay=100)
    await demo.page.keyboard.type("Cut a link: both sides go on. ", delay=100)
    for pane in (ann, bob, cy):
        await pane.element.get_by_role("button", name="Vote for").first.click()
    await cy.write("Heal it: nothing is lost.")
    await bob.element.locator(".card").nth(1).hover()
    await bob.document.click()
    await bob.document.press("Control+End")
    await demo.page.wait_for_timeout(WORK_MS / 4)


if __name__ == "__main__":
    asyncio.run(main())
