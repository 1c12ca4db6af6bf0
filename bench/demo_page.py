"""How smooth the demo's page is while many people move: ``python -m bench.demo_page [PEOPLE] [MOVES]``.

Starts the demo, lets people point at tasks of the board, so many times a second each, over connections of
their own, spread over the nodes, and looks at one page in Chromium: the time between its frames, and the time
that its main thread works in a second.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from itertools import count

from playwright.async_api import CDPSession, Page

import protobase_live as pb
from tests.support.browser import chromium
from tests.support.demo_page import DemoPage, running_demo

SECONDS = 10

FRAMES = f"""() => new Promise(done => {{
  const times = []
  let last = performance.now()
  const end = last + {SECONDS * 1000}
  const frame = now => {{
    times.push(now - last)
    last = now
    if (now < end) requestAnimationFrame(frame)
    else done(times.slice(1).sort((one, other) => one - other))
  }}
  requestAnimationFrame(frame)
}})"""


async def main(people: int, moves: float) -> None:
    """Measure, and print it."""
    with tempfile.TemporaryDirectory() as folder:
        async with chromium() as browser, running_demo(f"file:{folder}") as url, AsyncExitStack() as stack:
            page = await browser.new_page(viewport={"width": 1440, "height": 900})
            await page.goto(url)
            await DemoPage(page).ready()
            session = await page.context.new_cdp_session(page)
            await session.send("Performance.enable", {"timeDomain": "threadTicks"})
            nodes = await page.evaluate("fetch('director/state').then(answer => answer.json())")
            print(f"{'nobody':>12}: {await _measure(page, session)}", flush=True)
            urls = [each["url"] for each in nodes["nodes"]]
            moving = [asyncio.create_task(_move(n, urls[n % len(urls)], moves)) for n in range(people)]
            stack.callback(lambda: [each.cancel() for each in moving])
            heading = page.get_by_role("region", name="Who is here").first.locator(".count")
            await heading.filter(has_text=str(people + 3)).wait_for()
            print(f"{people:>5} people: {await _measure(page, session)}", flush=True)


async def _move(n: int, url: str, moves: float) -> None:
    name = f"p{n}"
    async with pb.connect(url, token=name) as database:
        board = await database.collection("demo/board")
        keys = await board.keys()
        async with board.presence({"name": name, "color": "#0e7490"}) as presence:
            for turn in count(n):
                await presence.set({"name": name, "color": "#0e7490", "at": keys[turn % len(keys)]})
                await asyncio.sleep(1 / moves)


async def _measure(page: Page, session: CDPSession) -> str:
    before = await _worked(session)
    frames: list[float] = await page.evaluate(FRAMES)
    worked = (await _worked(session) - before) / SECONDS
    p50, p95, p99 = (frames[int(part * (len(frames) - 1))] for part in (0.5, 0.95, 0.99))
    times = f"p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms, longest {frames[-1]:.1f} ms"
    return f"{len(frames) / SECONDS:.0f} frames a second, {times}; {worked * 1000:.0f} ms of CPU a second"


async def _worked(session: CDPSession) -> float:
    answer = await session.send("Performance.getMetrics")
    return next(each["value"] for each in answer["metrics"] if each["name"] == "TaskDuration")


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(main(int(given[0]) if given else 60, float(given[1]) if len(given) > 1 else 10))
