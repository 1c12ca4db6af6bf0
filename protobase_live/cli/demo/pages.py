"""The demo's page: files that were built from ``web_demo/`` and are part of the package."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path, PurePosixPath

import protobase_live
from protobase_live.server.rest.answers import Answer, plain_page

FOLDER = Path(protobase_live.__file__).parent / "pages" / "demo"

INDEX = "index.html"

NOT_BUILT = """\
The demo's page is not built. In a clone of the repository 'make demo' builds it, which needs Node 20 or
newer; so do 'npm ci' and 'npm run build' in web_demo/. A wheel has it already.
"""

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}

_SAFE = [("x-content-type-options", "nosniff"), ("content-security-policy", "frame-ancestors 'none'")]
"""No page of somebody else shows this one within itself, where a click is meant for something else."""


class PageFiles:
    """The files of a page."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder.resolve()

    @property
    def is_built(self) -> bool:
        """Whether there is a page."""
        return (self._folder / INDEX).is_file()

    async def answer(self, path: str) -> Answer:
        """What is answered to a request for ``/`` or a file."""
        return await asyncio.to_thread(self._answer, path)

    def _answer(self, path: str) -> Answer:
        if not self.is_built:
            return plain_page(HTTPStatus.SERVICE_UNAVAILABLE, NOT_BUILT)
        name = path.removeprefix("/") or INDEX
        kind, file = _TYPES.get(PurePosixPath(name).suffix), self._file(name)
        if kind is None or file is None:
            return plain_page(HTTPStatus.NOT_FOUND, f"no page at {path}\n")
        # The names of assets have a hash of what is in them; what is under another name may change.
        kept = "max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"
        return Answer(HTTPStatus.OK, file.read_bytes(), [*_SAFE, ("cache-control", kept)], kind)

    def _file(self, name: str) -> Path | None:
        """The file of this name, if it is one of the page's."""
        if "\0" in name:  # there can be none
            return None
        file = (self._folder / name).resolve()
        return file if file.is_relative_to(self._folder) and file.is_file() else None
