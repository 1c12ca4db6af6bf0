"""The rules for pages, and what happens without a browser: `tests/support/browser.py`."""

from __future__ import annotations

import shutil

import pytest
from playwright.async_api import Browser, Error

from tests.support.browser import Visitors, find_chromium


async def visit(visitors: Visitors, does: str) -> None:
    async with visitors:
        page = await visitors.enter("about:blank")
        await page.evaluate(f"async () => {{ await ({does}) }}")


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    ("does", "fault"),
    [
        ("console.error('wrong')", "error: wrong"),
        ("console.warn('odd')", "warning: odd"),
        ("fetch('http://elsewhere.example/a').catch(() => 0)", "asked for http://elsewhere.example/a"),
        ("new Promise(end => new WebSocket('ws://10.0.0.1/').onclose = end)", "asked for ws://10.0.0.1/"),
        ("Promise.reject('lost') && new Promise(end => addEventListener('unhandledrejection', end))", "lost"),
    ],
)
async def test_a_fault_of_a_page_fails_the_test(browser: Browser, does: str, fault: str) -> None:
    visitors = Visitors(browser)
    with pytest.raises(AssertionError):
        await visit(visitors, does)
    assert fault in visitors.faults[0]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_failure_is_told_with_the_faults(browser: Browser) -> None:
    with pytest.raises(Error, match="of the test") as raised:
        await visit(Visitors(browser), "console.error('wrong'), Promise.reject('of the test')")
    assert raised.value.__notes__ == ["faults of the pages: ['error: wrong']"]


def test_without_a_browser_tests_are_skipped_and_fail_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install Debian's chromium"):
        find_chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install Debian's chromium"):
        find_chromium()
    monkeypatch.setenv("CHROMIUM", "/somewhere/chromium")
    assert find_chromium() == "/somewhere/chromium"
