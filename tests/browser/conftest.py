"""One browser for all tests of a process, which therefore share its event loop: `loop_scope="session"`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser

from tests.support.browser import chromium


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A browser; what tests do in it is their visitors' (`Visitors`)."""
    async with chromium() as browser:
        yield browser
