"""``protobase-live cluster verify``: whether the nodes of a cluster hold the same."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from typing import Any, NoReturn

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from protobase_actors import SystemClock
from protobase_live.cli.agreement import Answer, Comparison, Verdict, compare
from protobase_live.cli.console import console
from protobase_live.cli.loop import run
from protobase_live.client import ClientLimits, RemoteDatabase, connect
from protobase_live.client.address import without_secrets
from protobase_live.errors import Unavailable
from protobase_live.model.state_hash import StateHash

CONNECT_SECONDS = 5.0
"""How long a node may take to answer at all."""

SHOWN_DIGITS = 12
"""How much of a hash the table shows."""

DIFFERS = 1
"""The exit code when anything differs."""


def verify(urls: Sequence[str], token: str | None, seconds: float, as_json: bool) -> NoReturn:
    """Print what differs, then end the process: with 0 if nothing does, else with `DIFFERS`."""
    run(_verify(urls, token, seconds, as_json))


async def _verify(urls: Sequence[str], token: str | None, seconds: float, as_json: bool) -> None:
    async with AsyncExitStack() as stack:
        limits, databases = ClientLimits(connect_seconds=CONNECT_SECONDS), list[RemoteDatabase]()
        nodes, away = list[str](), dict[str, str]()
        for url in urls:
            node = without_secrets(url)
            try:
                databases.append(await stack.enter_async_context(connect(url, token, limits=limits)))
                nodes.append(node)
            except Unavailable as error:
                away[node] = f"cannot connect to {node}: {error}"
        if len(nodes) < 2:
            raise Unavailable("; ".join(away.values()))
        found = await compare(databases, seconds, SystemClock())
    differing = [each for each in found if each.verdict is not Verdict.SAME]
    if as_json:
        print(json.dumps(_form(nodes, found, differing, away)))
    else:
        if differing:
            console().print(_table(nodes, differing))
        print(f"{len(found)} collections on {len(nodes)} nodes, {len(differing)} of them differ")
    if away:
        raise Unavailable(f"{'; '.join(away.values())}; the other nodes were compared")
    if differing:
        sys.stdout.flush()
        sys.exit(DIFFERS)


def _form(
    nodes: list[str], found: Sequence[Comparison], differing: Sequence[Comparison], away: Mapping[str, str]
) -> dict[str, Any]:
    wrong = [_comparison_form(each) for each in differing]
    whole = {"nodes": nodes, "collections": len(found), "differing": wrong, "unreachable": dict(away)}
    return {"same": not wrong and not away, **whole}


def _comparison_form(found: Comparison) -> dict[str, Any]:
    answers = [_answer_form(each) for each in found.answers]
    return {"collection": found.collection, "verdict": found.verdict, "answers": answers}


def _answer_form(answer: Answer) -> dict[str, Any] | None:
    if answer is None:
        return None
    return asdict(answer) if isinstance(answer, StateHash) else {"error": str(answer)}


def _table(nodes: Sequence[str], differing: Sequence[Comparison]) -> Table:
    table = Table("collection", "verdict", *map(escape, nodes), box=None)
    for each in differing:
        table.add_row(Text(each.collection), each.verdict, *map(_shown, each.answers))
    return table


def _shown(answer: Answer) -> Text:
    """The beginning of a hash, and how many commits it is of."""
    if answer is None:
        return Text("not there")
    if isinstance(answer, StateHash):
        return Text(f"{answer.hash[:SHOWN_DIGITS]} of {sum(answer.vector.values())}")
    return Text(str(answer))
