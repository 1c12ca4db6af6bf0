"""``protobase-live tail``: a collection's changes as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from protobase_live.cli.loop import run
from protobase_live.cli.notes import note_connection
from protobase_live.cli.streams import print_utf8
from protobase_live.client import connect
from protobase_live.document.targets import OPEN, named_structure
from protobase_live.model.change import Change
from protobase_live.model.operations import Read
from protobase_live.model.values import to_json


def tail(
    url: str, collection: str, since: str | None, structures: Sequence[str], token: str | None
) -> NoReturn:
    """Print changes until Ctrl-C, then end the process. That the server is lost is said on standard error.

    ``structures`` (``KIND:NAME``) are told, too, even if no program has written them.
    """
    run(_tail(url, collection, since, structures, token))


async def _tail(
    url: str, collection: str, since: str | None, structures: Sequence[str], token: str | None
) -> None:
    print_utf8()
    opened = [named_structure(each) for each in structures]
    async with connect(url, token, on_connection=note_connection) as database:
        tailed = await database.collection(collection)
        for each in opened:
            await database.read(collection, Read(each, OPEN))
        async with tailed.changes(since) as changes:
            async for change in changes:
                print(json.dumps(change_form(change), ensure_ascii=False), flush=True)


def change_form(change: Change) -> dict[str, Any]:
    """A change as JSON can say it (see `protobase_live.model.values`)."""
    return {
        "collection": change.collection,
        "structure": change.structure,
        "kind": change.kind,
        "key": to_json(change.key),
        "before": to_json(change.before),
        "after": to_json(change.after),
        "cursor": change.cursor,
        "author": change.author,
    }
