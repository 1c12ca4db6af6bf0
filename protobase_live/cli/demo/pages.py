"""The demo's page."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from protobase_live.server.page_files import PAGES, PageFiles
from protobase_live.server.rest.answers import Answer, plain_page

NOT_BUILT = """\
The demo's page is not built. In a clone of the repository 'make demo' builds it, which needs Node 20 or
newer; so do 'npm ci' and 'npm run build' in web_demo/. A wheel has it already.
"""

POLICY = "frame-ancestors 'none'"
"""No page of somebody else shows this one within itself, where a click is meant for something else.

Nothing else is forbidden: its editor writes styles, and the nodes that it connects to have their own ports.
"""


class DemoPage:
    """Its files, or what to do where there are none."""

    def __init__(self, folder: Path = PAGES / "demo") -> None:
        self._files = PageFiles(folder, POLICY)

    @property
    def is_built(self) -> bool:
        """Whether there is a page."""
        return self._files.is_built

    async def answer(self, path: str) -> Answer:
        """What is answered to a request for ``/`` or a file."""
        if found := await self._files.answer(path):
            return found
        if not self.is_built:
            return plain_page(HTTPStatus.SERVICE_UNAVAILABLE, NOT_BUILT)
        return plain_page(HTTPStatus.NOT_FOUND, f"no page at {path}\n")
