"""The inspector, at the address of any server."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Locator, Page, expect

import protobase_live as pb
from protobase_live.server.pages import INSPECTOR
from tests.support.browser import Visitors
from tests.support.npm import build

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES = Path(__file__).resolve().parents[2] / "web_demo"
AXE = PAGES / "node_modules" / "axe-core" / "axe.min.js"
MOST_BYTES = 60_000
"""All of it, gzipped."""
SIZES = {"width": 1100, "height": 800}, {"width": 360, "height": 740}


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The page is made of what there is now."""
    build(PAGES)


@asynccontextmanager
async def served(**how: Any) -> AsyncIterator[tuple[pb.Database, str]]:
    """A database, and the address of its server."""
    async with pb.open("memory:") as database, pb.Server(database, port=0, **how) as server:
        yield database, server.url


@asynccontextmanager
async def served_by_uvicorn(app: FastAPI) -> AsyncIterator[str]:
    """The address of an application."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    with socket() as listening:
        listening.bind(("127.0.0.1", 0))
        task = asyncio.create_task(server.serve([listening]))
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        await task


def cells(page: Page, name: str) -> Locator:
    """What the page tells of a collection."""
    return page.locator("#collections tbody tr").filter(has=page.get_by_role("button", name=name, exact=True))


def rows(page: Page) -> Locator:
    """The records that it shows."""
    return page.locator("#records tbody tr")


async def ask(page: Page, query: str) -> None:
    await page.get_by_label("Query").fill(query)
    await page.get_by_role("button", name="Watch").click()


async def serious(page: Page) -> list[str]:
    """What keeps people from using the page, as axe finds it."""
    await page.evaluate(AXE.read_text())  # not as a script of the page, which its policy forbids
    found = await page.evaluate("axe.run()")
    return [
        f"{each['id']}: {node['html']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


async def test_what_goes_on_is_shown(browser: Browser) -> None:
    async with served() as (database, url), Visitors(browser) as visitors:
        page = await visitors.enter(url)
        await expect(page.get_by_role("status").first).to_have_text("connected")
        await expect(page.locator("#node")).to_have_text(f"node {database.node}")
        await expect(page.get_by_text("There is none.")).to_be_visible()
        await (await database.collection("tasks")).insert({"title": "Write"}, key="t1")
        await expect(cells(page, "tasks")).to_be_visible()
        async with database.changes("tasks"), database.presence("tasks", {"name": "ann"}):
            listening = ["0", "1", "0", "1"]  # editors, streams, live queries, people
            for at, number in enumerate(listening, 4):
                await expect(cells(page, "tasks").locator(f"> :nth-child({at})")).to_have_text(number)
        await (await database.collection("boards/42")).insert({"title": "A board"})
        await expect(cells(page, "boards/42")).to_be_visible()
        await page.get_by_label("Begins with").fill("b")
        await expect(cells(page, "tasks")).to_have_count(0)
        await expect(cells(page, "boards/42")).to_be_visible()


async def test_records_are_kept_current(browser: Browser) -> None:
    async with served() as (database, url), Visitors(browser) as visitors:
        tasks = await database.collection("order")  # a keyword of queries
        await tasks.insert({"title": "Write", "done": False}, key="t1")
        page = await visitors.enter(url)
        await page.get_by_role("button", name="order").click()
        await expect(rows(page)).to_have_text(["t1falseWrite"])
        await tasks.insert({"title": "Read", "done": False, "owner": "ann"}, key="t0")
        await expect(rows(page)).to_have_text(["t0falseReadann", "t1falseWrite"])  # columns stay
        await rows(page).get_by_role("button", name="t1").click()
        await tasks.update("t1", done=True)
        await expect(rows(page).nth(1)).to_have_text("t1trueWrite")
        await expect(page.locator("#record")).to_contain_text('"done": true')
        await tasks.delete("t1")
        await expect(rows(page)).to_have_text(["t0falseReadann"])
        await expect(page.locator("#record")).to_be_hidden()
        await expect(page.locator(".outcome")).to_have_text("1 row, kept current: 3 updates")


async def test_a_large_collection_is_shown_a_part_at_a_time(browser: Browser) -> None:
    async with served() as (database, url), Visitors(browser) as visitors:
        async with database.transaction() as tx:
            for n in range(120):
                tx["tasks"].insert({"n": n}, key=f"{n:03}")
        page = await visitors.enter(url)
        await page.get_by_role("button", name="tasks").click()
        for shown in (50, 100):
            await expect(rows(page)).to_have_count(shown)
            await page.get_by_role("button", name="Show more").click()
        await expect(rows(page)).to_have_count(120)
        await expect(page.get_by_role("button", name="Show more")).to_be_hidden()


async def test_queries_and_their_mistakes(browser: Browser) -> None:
    async with served() as (database, url), Visitors(browser) as visitors:
        tasks = await database.collection("tasks")
        for n, owner in enumerate(("ann", "bob", "ann")):
            await tasks.insert({"owner": owner, "n": n})
        page = await visitors.enter(url)
        await ask(page, "tasks group by owner: total = sum(n)")
        await expect(rows(page)).to_have_text(["ann2", "bob1"])
        await tasks.insert({"owner": "bob", "n": 4})
        await expect(rows(page)).to_have_text(["ann2", "bob5"])
        mistake = page.get_by_role("alert")
        await ask(page, "tasks where done limt 3")
        await expect(mistake.last).to_contain_text("found 'limt'; did you mean 'limit'?")
        await expect(rows(page)).to_have_count(0)
        await ask(page, "protobase:own")
        await expect(mistake.last).to_contain_text("is reserved")
        await ask(page, "tasks count")
        await expect(mistake.last).to_be_empty()
        await expect(rows(page)).to_have_text(["4"])


async def test_a_token_is_asked_for_and_kept_out_of_addresses(browser: Browser) -> None:
    def only_ann(token: str | None) -> str:
        if token != "ann's":
            raise pb.Unauthorized("the token is not known")
        return "ann"

    async with served(authenticate=only_ann) as (database, url), Visitors(browser) as visitors:
        await (await database.collection("tasks")).insert({"n": 1}, key="t1")
        page = await visitors.enter(url)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        await expect(page.get_by_text("This server asks for a token.")).to_be_visible()
        await expect(page.get_by_label("Token")).to_be_focused()
        await page.keyboard.type("a guess")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("That was refused: the token is not known")).to_be_visible()
        await expect(page.locator("#collections")).to_be_hidden()
        await page.get_by_label("Token").fill("ann's")
        await page.get_by_role("button", name="Enter").click()
        await page.get_by_role("button", name="tasks").click()
        await expect(rows(page)).to_have_text(["t11"])
        await page.reload()
        await expect(cells(page, "tasks")).to_be_visible()
        assert asked
        assert not [each for each in asked if "ann" in each or "guess" in each]
        refused = "error: Failed to load resource: the server responded with a status of 401 (Unauthorized)"
        assert visitors.faults == [refused, refused]
        visitors.faults.clear()


async def test_a_server_that_is_away_for_a_moment(browser: Browser) -> None:
    async with pb.open("memory:") as database, Visitors(browser) as visitors:
        tasks = await database.collection("tasks")
        await tasks.insert({"n": 1}, key="t1")
        async with pb.Server(database, port=0) as server:
            page, port = await visitors.enter(server.url), server.port
            await page.get_by_role("button", name="tasks").click()
            await expect(rows(page)).to_have_text(["t11"])
        state = page.locator("#state")
        await expect(state).to_have_text("no answer from the server; trying again")
        await expect(page.locator("#outcome")).to_contain_text("Connecting again")
        await tasks.update("t1", n=2)
        async with pb.Server(database, port=port):
            await expect(state).to_have_text("connected")
            await expect(rows(page)).to_have_text(["t12"])
            await expect(page.locator("#outcome")).to_have_text("1 row, kept current:")
        assert all("ERR_CONNECTION_REFUSED" in each for each in visitors.faults), "which nobody can prevent"
        visitors.faults.clear()


async def test_it_is_small() -> None:
    files = [each for each in INSPECTOR.rglob("*") if each.is_file()]
    assert files
    assert sum(len(gzip.compress(each.read_bytes())) for each in files) < MOST_BYTES


async def test_in_an_application_under_a_prefix(browser: Browser) -> None:
    async with pb.open("memory:") as database:
        await (await database.collection("tasks")).insert({"n": 1}, key="t1")
        app = FastAPI()
        app.mount("/collab/live", pb.asgi(database, inspector=True))  # a prefix that is called like a door
        async with served_by_uvicorn(app) as url, Visitors(browser) as visitors:
            page = await visitors.enter(f"{url}/collab/live")
            await page.get_by_role("button", name="tasks").click()
            await expect(rows(page)).to_have_text(["t11"])


async def test_everybody_can_use_it(browser: Browser) -> None:
    async with served() as (database, url), Visitors(browser) as visitors:
        await (await database.collection("tasks")).insert({"title": "Write"}, key="t1")
        page = await visitors.enter(url)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for size in SIZES:
                await page.set_viewport_size(size)
                await page.get_by_role("button", name="tasks").click()
                await expect(rows(page)).to_have_count(1)
                await rows(page).get_by_role("button").click()
                await expect(page.locator("#record")).to_be_visible()
                assert await serious(page) == []
                await ask(page, "tasks where")
                await expect(page.get_by_role("alert").last).not_to_be_empty()
                assert await serious(page) == []
                width = await page.evaluate("document.documentElement.scrollWidth")
                assert width <= size["width"], "what is wide scrolls within itself"


async def test_nothing_jumps_while_figures_stream(browser: Browser) -> None:
    async with served() as (database, url), Visitors(browser) as visitors:
        tasks = await database.collection("tasks")
        await tasks.insert({"n": 0}, key="t1")
        page = await visitors.enter(url)
        await page.get_by_role("button", name="tasks").click()
        await expect(rows(page)).to_have_count(1)
        await expect(cells(page, "tasks").locator("> :nth-child(6)")).to_have_text("1")
        await page.evaluate(
            "globalThis.shift = 0; new PerformanceObserver(list => {"
            "  for (const entry of list.getEntries()) globalThis.shift += entry.value"
            "}).observe({ type: 'layout-shift' })"
        )
        for n in range(1, 1_200):
            await tasks.update("t1", n=n)
        await expect(rows(page)).to_have_text(["t11199"])
        await expect(cells(page, "tasks").locator("> :nth-child(3)")).not_to_have_text("1")
        assert await page.evaluate("globalThis.shift") == 0
