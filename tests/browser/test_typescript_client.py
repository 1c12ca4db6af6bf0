"""The TypeScript client in a browser: live queries, cut off at random moments, against what is asked."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

import protobase_live as pb
from tests.support.browser import LOST, Visitors
from tests.support.files import files
from tests.support.tcp_proxy import TcpProxy

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLIENT = Path(__file__).resolve().parents[2] / "web_demo" / "client"
SEEDS = 3


@pytest.fixture
def origin(tmp_path: Path) -> Iterator[str]:
    """Where the page with the oracle is."""
    subprocess.run(["node", "tools/oracle_page.mjs", str(tmp_path)], cwd=CLIENT, check=True, timeout=120)
    with files(tmp_path) as origin:
        yield origin


async def test_live_queries_are_what_is_recomputed(origin: str, browser: Browser) -> None:
    async with (
        pb.open("memory:") as database,
        pb.Server(database, port=0, origins=[origin]) as server,
        TcpProxy() as proxy,
        Visitors(browser, forgives=LOST) as visitors,
    ):
        proxy.target = server.port
        cuts: list[int] = []

        def cut() -> None:
            cuts.append(len(cuts))
            proxy.cut()
            proxy.heal()

        page = await visitors.enter(f"{origin}/index.html")
        await page.expose_function("cut", cut)
        addresses = [f"ws://127.0.0.1:{port}/live" for port in (server.port, proxy.port)]
        for seed in range(1, SEEDS + 1):
            assert await page.evaluate("asked => oracle(...asked)", [seed, *addresses]) == []
        assert len(cuts) > SEEDS
