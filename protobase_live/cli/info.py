"""``protobase-live info``: what a storage or a server holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import NoReturn

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from protobase_live.cli.console import console
from protobase_live.cli.loop import run
from protobase_live.cli.places import open_place
from protobase_live.model.operations import CollectionInfo


def info(source: str, as_json: bool, token: str | None) -> NoReturn:
    """Print the figures, then end the process."""
    run(_info(source, as_json, token))


async def _info(source: str, as_json: bool, token: str | None) -> None:
    place = await open_place(source, token, read_only=True)
    try:
        collections, size = await place.infos(), await place.size()
    finally:
        await place.close()
    if as_json:
        print(json.dumps({"bytes": size, "collections": [asdict(each) for each in collections]}))
    else:
        console().print(_table(collections))
        print(f"{len(collections)} collections{'' if size is None else f', {decimal(size)} on disk'}")


def _table(collections: Sequence[CollectionInfo]) -> Table:
    table = Table("collection", box=None)
    for column in ("snapshot", "log", "commits in log"):
        table.add_column(column, justify="right")
    table.add_column()
    for each in collections:
        sizes = decimal(each.snapshot_bytes), decimal(each.log_bytes), str(each.log_commits)
        table.add_row(Text(each.name), *sizes, Text(_trouble(each)))
    return table


def _trouble(collection: CollectionInfo) -> str:
    if collection.corrupt:
        return f"corrupt: {collection.corrupt}"
    return f"read-only: {collection.read_only}" if collection.read_only else ""
