"""The demo's page in a browser: what a person would try with three nodes."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

import protobase_live as pb
from protobase_live.cli.demo.data import BOARD, Task
from tests.support.browser import LOST, Visitors
from tests.support.demo_page import AXE, FOLDER, DemoPage, running_demo
from tests.support.npm import build

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHIFTS = """() => {
  window.shifts = []
  const standing = ({ x, y, width, height }) => `${width}x${height} at ${x},${y}`
  new PerformanceObserver(list => { for (const each of list.getEntries()) {
    const sources = each.sources.map(({ node, previousRect, currentRect }) => ({
      node: node?.outerHTML?.slice(0, 200) ?? node?.nodeValue,
      from: standing(previousRect), to: standing(currentRect),
      row: node?.parentElement?.closest('li')?.outerHTML
    }))
    if (!each.hadRecentInput) window.shifts.push({ value: each.value, sources })
  } }).observe({ type: 'layout-shift', buffered: false })
}"""
"""Notes each shift that no input has led to: what moved, from where to where, and in what row of a list."""

DRAWN = (
    "new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn, 100))))"
)
"""Waits until what is there is drawn, and what shifted is noted."""

MARK = "chips => { for (const chip of chips) chip.classList.add('news') }"
"""Has chips drawn anew, and nothing around them."""

SERIOUS = """async () => (await axe.run()).violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html.slice(0, 200)).join(' | ')}`)"""


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The page is made of what there is now."""
    build(FOLDER)


@pytest_asyncio.fixture(loop_scope="session")
async def url(tmp_path: Path) -> AsyncIterator[str]:
    """A demo of this test's own."""
    async with running_demo(f"file:{tmp_path}") as url:
        yield url


async def enter(visitors: Visitors, url: str) -> DemoPage:
    return await DemoPage(await visitors.enter(url)).ready()


async def nothing_shifted(demo: DemoPage) -> None:
    """Since `SHIFTS` was evaluated. Each shift is told in full, as it may take long to come again."""
    await demo.page.evaluate(DRAWN)
    shifts = await demo.page.evaluate("window.shifts")
    assert shifts == [], json.dumps(shifts, indent=2, ensure_ascii=False)


async def test_three_panes_write_one_document(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        ann, bob, cy = demo.panes
        await ann.write("Hello")
        for pane in demo.panes:
            await expect(pane.document).to_contain_text("Hello")
        await bob.document.click()
        await expect(cy.document.locator(".caret-name", has_text="bob")).to_be_visible()
        await bob.element.get_by_role("button", name="Heading").click()
        await expect(cy.document.locator("h2")).to_contain_text("Hello")
        await expect(demo.page.locator(".latency strong").first).to_have_text(re.compile(r"\d m?s$"))
        await expect(demo.page.locator(".timeline .what").first).to_have_text(re.compile(r"^notes #\d+$"))


async def test_a_card_is_dragged_and_moved_by_keys(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        ann, bob, cy = demo.panes
        await ann.card("Test a split").drag_to(ann.column("done").locator("ul"))
        for pane in demo.panes:
            await expect(pane.in_column("done", "Test a split")).to_be_visible()
        grip = bob.element.get_by_role("button", name="Move “Test a split”")
        await grip.focus()
        for column in ("doing", "todo"):
            await demo.page.keyboard.press("ArrowLeft")
            await expect(bob.column(column).get_by_role("button", name="Move “Test a split”")).to_be_focused()
        for pane in (ann, cy):
            await expect(pane.in_column("todo", "Test a split")).to_be_visible()


async def test_both_sides_of_a_cut_are_seen_everywhere_when_it_heals(url: str, browser: Browser) -> None:
    """Two people edit one card and one document, and do not see each other."""
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        ann, bob, cy = demo.panes
        await demo.cut_off("n2")
        await ann.write("From ann. ")
        await bob.write("From bob. ")
        await ann.card("Test a split").get_by_label("Priority").select_option("0")
        await bob.card("Test a split").get_by_label("Owner").select_option("bob")
        for pane in (ann, bob):
            await pane.card("Draw the doors").get_by_role("button", name="Vote").click()
        await expect(cy.card("Test a split").get_by_label("Priority")).to_have_value("0")
        await expect(demo.page.locator(".agreement")).to_have_text("hashes differ")
        await expect(cy.document).not_to_contain_text("From bob.")
        await expect(bob.document).not_to_contain_text("From ann.")

        await demo.join_again("n2")
        await expect(demo.page.locator(".agreement")).to_have_text("hashes equal")
        for pane in demo.panes:
            await expect(pane.document).to_contain_text("From ann.")
            await expect(pane.document).to_contain_text("From bob.")
            card = pane.card("Test a split")
            await expect(card.get_by_label("Priority")).to_have_value("0")
            await expect(card.get_by_label("Owner")).to_have_value("bob")
            await expect(pane.card("Draw the doors").get_by_role("button", name="Vote")).to_contain_text("3")


async def test_who_loses_a_node_goes_on_at_another_and_comes_home(url: str, browser: Browser) -> None:
    async with Visitors(browser, forgives=LOST) as visitors:
        demo = await enter(visitors, url)
        ann, bob, _ = demo.panes
        await demo.node("n1").click()
        await expect(demo.node("n1")).to_have_attribute("data-state", "down")
        await expect(ann.standing).to_have_text(re.compile("n1 is away: now at n[23]"))
        await ann.write("Still here. ")
        await expect(bob.document).to_contain_text("Still here.")
        await bob.write("So I see. ")
        await expect(ann.document).to_contain_text("So I see.")
        await ann.card("Test a split").get_by_role("button", name="Vote").click()
        await expect(bob.card("Test a split").get_by_role("button", name="Vote")).to_contain_text("5")

        await demo.node("n1").click()
        await expect(ann.standing).to_have_text("connected")
        await expect(demo.page.locator(".agreement")).to_have_text("hashes equal")
        await bob.write("Welcome back. ")
        await expect(ann.document).to_contain_text("Welcome back.")
        await bob.card("Test a split").get_by_role("button", name="Vote").click()
        await expect(ann.card("Test a split").get_by_role("button", name="Vote")).to_contain_text("6")


async def test_live_queries_follow_the_board(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        ann, _, cy = demo.panes
        for pane in demo.panes:
            await expect(pane.query("Top five by priority").first).to_contain_text("Test a split")
        await ann.card("Simplify the log").get_by_label("Owner").select_option("cy")
        await ann.card("Test a split").get_by_label("Priority").select_option("0")
        for pane in demo.panes:
            await expect(pane.query("Top five by priority").first).to_contain_text("Measure the mailbox")
            row = pane.query("Open tasks and their teams").filter(has_text="Simplify the log")
            await expect(row).to_contain_text("green")
            await expect(pane.query("Tasks by owner").first).to_contain_text("cy")
        await expect(
            cy.element.get_by_role("region", name="Top five by priority").locator(".cost")
        ).to_have_text(re.compile(r"^\d+ rows? · .* ms"))


async def test_live_queries_take_a_number_of_any_size(url: str, browser: Browser) -> None:
    """JSON has none beyond 2**53; the rows go on to change, also of who comes later."""
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        nodes = (await (await demo.page.request.get(f"{url}/director/state")).json())["nodes"]
        async with pb.connect(nodes[0]["url"], token="mallory") as database:
            board = await database.collection(BOARD, Task)
            for n, votes in enumerate((2**70, 1)):
                await board.insert(Task(title=f"Count {n}", owner="cy", priority=6, votes=votes))
                for pane in demo.panes:
                    await expect(pane.query("Tasks by owner").filter(has_text="cy")).to_contain_text(
                        f"{n + 2} tasks"
                    )
            top = demo.panes[0].query("Top five by priority").first
            await expect(top).to_contain_text(f"▲ {2**70}")
            later = await enter(visitors, url)
            await board.insert(Task(title="Count 2", owner="cy"))
            for pane in (*demo.panes, *later.panes):
                row = pane.query("Tasks by owner").filter(has_text="cy")
                await expect(row).to_contain_text("4 tasks")


async def test_what_a_card_was_written_without_is_shown_as_nothing_yet(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        nodes = (await (await demo.page.request.get(f"{url}/director/state")).json())["nodes"]
        async with pb.connect(nodes[0]["url"], token="mallory") as database:
            board = await database.collection(BOARD)
            await board.put({"title": "Sweep the floor", "column": "todo"}, key="bare")
            await board.put({"title": "Water the plants", "column": "todo", "priority": 6}, key="dry")
        for pane in demo.panes:
            card = pane.card("Sweep the floor")
            await expect(card.get_by_role("button", name="Vote")).to_have_text("▲0")
            await expect(card.get_by_label("Owner")).to_have_value("")
            await expect(card.get_by_label("Priority")).to_have_value("0")
            await expect(pane.query("Top five by priority").first).to_contain_text("Water the plants▲ 0")
            await expect(pane.element).not_to_contain_text("undefined")
            await expect(pane.element).not_to_contain_text("null")
        await demo.panes[0].card("Sweep the floor").get_by_role("button", name="Vote").click()
        for pane in demo.panes:
            voted = pane.card("Sweep the floor").get_by_role("button", name="Vote")
            await expect(voted).to_have_text("▲1")


async def test_somebody_is_seen_where_they_point_and_what_they_edit(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        ann, bob, cy = demo.panes
        here = bob.element.get_by_role("region", name="Who is here").locator("li")
        await expect(here).to_have_count(3)
        await expect(here.filter(has_text="cy")).to_contain_text("n3")
        await cy.card("Test a split").hover()
        await expect(here.filter(has_text="cy")).to_contain_text("at “Test a split”")
        await ann.card("Draw the doors").get_by_label("Owner").focus()
        await expect(here.filter(has_text="ann")).to_contain_text("edits owner of “Draw the doors”")
        await expect(bob.card("Draw the doors").locator(".owner")).to_have_class(re.compile("held"))


async def test_a_title_is_edited_where_it_stands(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        ann, bob, _ = demo.panes
        await ann.element.get_by_role("button", name="Add a task to Doing").click()
        await expect(ann.element.get_by_label("Title of “New task”")).to_be_focused()
        await demo.page.keyboard.type("Say hello")
        await demo.page.keyboard.press("Enter")
        await expect(bob.in_column("doing", "Say hello")).to_be_visible()
        await bob.card("Say hello").get_by_role("button", name="Say hello", exact=True).click()
        await demo.page.keyboard.type("Never mind")
        await demo.page.keyboard.press("Escape")
        await bob.element.get_by_role("button", name="Move “Say hello”").focus()
        await demo.page.keyboard.press("Delete")
        await expect(ann.card("Say hello")).to_have_count(0)


async def test_the_color_that_somebody_tells_is_no_style_of_the_page(url: str, browser: Browser) -> None:
    color = "red; position: fixed; inset: 0; background: url(https://elsewhere.example/)"
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        nodes = (await (await demo.page.request.get(f"{url}/director/state")).json())["nodes"]
        async with (
            pb.connect(nodes[0]["url"], token="mallory") as database,
            (await database.collection(BOARD)).presence({"name": "mallory", "color": color}),
        ):
            people = demo.panes[1].element.get_by_role("region", name="Who is here")
            line = people.locator("li", has_text="mallory")
            await expect(line).to_be_visible()
            await expect(line.locator(".avatar")).to_have_attribute("style", "--person: #64707d")


async def test_nothing_shifts_while_people_work(url: str, browser: Browser) -> None:
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        await demo.page.evaluate(SHIFTS)
        await demo.page.get_by_role("button", name="Add 10").click()
        await expect(demo.page.locator(".crowd output")).to_have_text("10")
        here = demo.panes[0].element.get_by_role("region", name="Who is here").locator(".count")
        await expect(here).to_have_text("13")
        await expect(demo.page.locator(".timeline .what").first).to_have_text(re.compile(r"#[4-9]\d$"))
        await demo.page.get_by_role("button", name="Send home").click()
        await expect(here).to_have_text("3")
        await nothing_shifted(demo)


async def test_a_card_that_keeps_its_place_does_not_shift(url: str, browser: Browser) -> None:
    """One comes and one goes at once above a card that is new, of which a part was drawn anew since."""
    async with Visitors(browser) as visitors:
        demo = await enter(visitors, url)
        await demo.page.evaluate(SHIFTS)
        nodes = (await (await demo.page.request.get(f"{url}/director/state")).json())["nodes"]
        async with pb.connect(nodes[0]["url"], token="mallory") as database:
            board = await database.collection(BOARD, Task)
            await board.insert(Task(title="Feed the cat", order=8.0))
            for pane in demo.panes:
                await expect(pane.in_column("todo", "Feed the cat")).to_be_visible()
            await demo.page.evaluate(DRAWN)
            await demo.page.locator(".card", has_text="Feed the cat").locator(".priority").evaluate_all(MARK)
            await demo.page.evaluate(DRAWN)
            async with database.transaction() as tx:
                tx[BOARD].insert(Task(title="Count the stars", order=4.5))
                tx[BOARD].update("task-5", column="doing")
        for pane in demo.panes:
            await expect(pane.in_column("todo", "Count the stars")).to_be_visible()
            await expect(pane.in_column("doing", "Test a split")).to_be_visible()
            await expect(pane.card("Feed the cat")).to_have_attribute("style", re.compile("--at: 3;"))
        await nothing_shifted(demo)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
async def test_everybody_can_use_it(url: str, browser: Browser, scheme: str, width: int) -> None:
    async with Visitors(browser) as visitors:
        page = await visitors.enter("about:blank")
        chosen = "dark" if scheme == "dark" else "light"
        # Still: what fades in has little contrast for 220 ms, and the tool may look just then.
        await page.emulate_media(color_scheme=chosen, reduced_motion="reduce")
        await page.set_viewport_size({"width": width, "height": 800})
        await page.goto(url)
        await DemoPage(page).ready()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await page.add_script_tag(path=AXE)
        assert await page.evaluate(SERIOUS) == []
