"""``protobase-live cluster URL``: how a node is, and its links to others."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from protobase_live.api import DatabaseApi
from protobase_live.cli.agreement import ASKED_TOGETHER
from protobase_live.cli.console import console
from protobase_live.cli.loop import run
from protobase_live.cli.stream_view import print_stream
from protobase_live.client import ClientLimits, connect
from protobase_live.errors import ProtoBaseError
from protobase_live.model.node_status import LinkStatus, NodeStatus
from protobase_live.model.state_hash import StateHash

CONNECT_SECONDS = 5.0
"""How long the node may take to answer at all."""

SHOWN_DIGITS = 12
"""How much of a hash the table shows."""

NOT_WELL = 1
"""The exit code when a node is not linked, lags or is stuck, or there is no owner."""

AGAIN_SECONDS = 1.5
"""After which a node knows anew how its stream is, which it asks once a second."""

Hashes = Mapping[str, StateHash | ProtoBaseError]
"""What each collection shows, or why that cannot be told."""


def status(url: str, token: str | None, lag: float, hashes: bool, as_json: bool) -> NoReturn:
    """Print it, then end the process: with 0 if all is well, else with `NOT_WELL`."""
    run(_status(url, token, lag, hashes, as_json))


async def _status(url: str, token: str | None, lag: float, hashes: bool, as_json: bool) -> None:
    async with connect(url, token, limits=ClientLimits(connect_seconds=CONNECT_SECONDS)) as database:
        node = await database.cluster_status()
        if node.stream is not None and node.stream.is_catching_up:
            await asyncio.sleep(max(lag, AGAIN_SECONDS))
            node = await database.cluster_status()
        shown: Hashes = await _hashes(database) if hashes and _can_be_read(node) else {}
    faults = node.faults(lag)
    if as_json:
        print(json.dumps(_form(node, shown, faults)))
    else:
        _print(node, shown, faults)
    if faults:
        sys.stdout.flush()
        sys.exit(NOT_WELL)


def _can_be_read(node: NodeStatus) -> bool:
    """A stream that does not answer would be asked for all that it has, in vain."""
    return node.stream is None or node.stream.works


async def _hashes(database: DatabaseApi) -> Hashes:
    slots = asyncio.Semaphore(ASKED_TOGETHER)

    async def ask(name: str) -> StateHash | ProtoBaseError:
        async with slots:
            try:
                return await database.state_hash(name)
            except ProtoBaseError as error:  # of the others it says nothing
                return error

    names = [each.name for each in await database.collections()]
    return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))


def _form(node: NodeStatus, hashes: Hashes, faults: Sequence[str]) -> dict[str, Any]:
    shown = {name: _hash_form(each) for name, each in hashes.items()}
    return {"well": not faults, "faults": list(faults), **node.form(), "hashes": shown}


def _hash_form(found: StateHash | ProtoBaseError) -> dict[str, Any]:
    if isinstance(found, StateHash):
        return {"hash": found.hash, "commits": sum(found.vector.values())}
    return {"error": str(found)}


def _print(node: NodeStatus, hashes: Hashes, faults: Sequence[str]) -> None:
    wide = console()
    collections = f"{node.collections} collections, {node.loaded} of them in memory"
    print(f"node {node.node}, one of {node.configured}: {collections}, {decimal(node.bytes)} on disk")
    print(f"{node.held_commits} commits held until what they were made on comes")
    if node.owner:
        print(f"{node.owner} is the owner of the owned collections")
    if node.links:
        wide.print(_links(node.links))
    if node.stream is not None:
        print_stream(wide, node.stream, node.nodes)
    if hashes:
        wide.print(_collections(hashes))
    for fault in faults:
        print(fault)


def _links(links: Sequence[LinkStatus]) -> Table:
    table = Table("node", box=None)
    table.add_column("address", overflow="fold")
    table.add_column("linked with")
    for column in ("lacks commits", "lag (s)", "unanswered", "silent (s)"):
        table.add_column(column, justify="right")
    for each in links:
        row = [escape(each.node or "?"), escape(each.address or "has dialed this one")]
        if each.up:
            row += [escape(" ".join(each.linked)), str(each.lacking_commits), f"{each.lacking_seconds:.2f}"]
            row += [decimal(each.unanswered_bytes), f"{each.silent_seconds:.2f}"]
        else:
            row.append("not linked")
        table.add_row(*row)
    return table


def _collections(hashes: Hashes) -> Table:
    table = Table("collection", "state hash", box=None)
    table.add_column("commits", justify="right")
    for name, found in hashes.items():
        if isinstance(found, StateHash):
            table.add_row(Text(name), found.hash[:SHOWN_DIGITS], str(sum(found.vector.values())))
        else:
            table.add_row(Text(name), Text(str(found)))
    return table
