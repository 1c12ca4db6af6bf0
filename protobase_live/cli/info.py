"""``protobase-live info``: what a storage holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import NoReturn

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from protobase_live.cli.loop import run
from protobase_live.errors import ValidationError
from protobase_live.opening import open_storage
from protobase_storage import CollectionInfo


def info(storage: str, as_json: bool) -> NoReturn:
    """Print the figures, then end the process."""
    run(_info(storage, as_json))


async def _info(url: str, as_json: bool) -> None:
    if "://" in url and not url.startswith(("s3:", "gs:")):
        raise ValidationError(
            f"info reads a storage (file:PATH), not a server; the figures of {url!r} are at its /metrics"
        )
    storage = await open_storage(url, must_exist=True)
    try:
        collections, size = await storage.list(), (await storage.stats()).bytes
    finally:
        await storage.close()
    if as_json:
        print(json.dumps({"bytes": size, "collections": [asdict(each) for each in collections]}))
    else:
        Console().print(_table(collections))
        print(f"{len(collections)} collections, {decimal(size)} on disk")


def _table(collections: list[CollectionInfo]) -> Table:
    table = Table("collection", box=None)
    for column in ("snapshot", "log", "commits in log"):
        table.add_column(column, justify="right")
    table.add_column()
    for each in collections:
        sizes = decimal(each.snapshot_bytes), decimal(each.log_bytes), str(each.log_commits)
        table.add_row(each.name, *sizes, f"corrupt: {each.corrupt}" if each.corrupt else "")
    return table
