"""``protobase-live revoke``: take away what somebody may do at a running server, or give it back."""

from __future__ import annotations

from typing import NoReturn

from protobase_live.cli.loop import run
from protobase_live.client import connect


def revoke(url: str, author: str, collection: str | None, let_in: bool, token: str | None) -> NoReturn:
    """Do it, then end the process."""
    run(_revoke(url, author, collection, let_in, token))


async def _revoke(url: str, author: str, collection: str | None, let_in: bool, token: str | None) -> None:
    async with connect(url, token) as db:
        await (db.let_in if let_in else db.revoke)(author, collection)
