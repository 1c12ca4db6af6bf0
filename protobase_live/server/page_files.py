"""The files of a page that was built from ``web_demo/`` and is part of the package."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from pathlib import Path, PurePosixPath

from protobase_live.server.rest.answers import Answer

PAGES = Path(__file__).parents[1] / "pages"

INDEX = "index.html"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a page may do: run, show and ask for what comes from its own server, within nobody else's page."""

_SAFE = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
)

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What may be asked for, by the end of its name."""


class PageFiles:
    """The files of one page; where each is in the folder is where it is asked for."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        """``policy`` is what the page may do, as the header ``Content-Security-Policy`` says it."""
        self._folder = folder.resolve()
        self._headers = (("content-security-policy", policy), *_SAFE)

    @property
    def is_built(self) -> bool:
        """Whether there is a page."""
        return (self._folder / INDEX).is_file()

    async def answer(self, path: str) -> Answer | None:
        """The file at a path such as ``/`` or ``/inspector/assets/index.js``; None if there is none."""
        return await asyncio.to_thread(self._answer, path)

    def _answer(self, path: str) -> Answer | None:
        name = path.removeprefix("/") or INDEX
        kind = _TYPES.get(PurePosixPath(name).suffix)
        if kind is None or "\0" in name:
            return None
        file = (self._folder / name).resolve()
        if not file.is_relative_to(self._folder) or not file.is_file():
            return None
        # The names of assets have a hash of what is in them; what is under another name may change.
        kept = "max-age=31536000, immutable" if "assets" in PurePosixPath(name).parts else "no-cache"
        return Answer(HTTPStatus.OK, file.read_bytes(), [*self._headers, ("cache-control", kept)], kind)
