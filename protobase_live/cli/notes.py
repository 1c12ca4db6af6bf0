"""Notes on standard error: what a user had better know, while a command goes on."""

from __future__ import annotations

import sys
from contextlib import suppress

from protobase_live.api import DatabaseApi
from protobase_live.errors import ProtoBaseError
from protobase_live.model.nearest import no_collection
from protobase_live.query.language.query import Query


def note(text: str) -> None:
    """Say it in a line of its own."""
    print(f"note: {text}", file=sys.stderr, flush=True)


def note_connection(why: str | None) -> None:
    """That a server was lost, and why; None: that it is there again."""
    note("connected again" if why is None else f"lost the server ({why}), trying again")


async def note_absent(database: DatabaseApi, query: Query) -> None:
    """That there is no collection of a name in the query, and which name is close to it."""
    with suppress(ProtoBaseError):  # the answer does not depend on it
        for name in query.collections:
            if all(each.name != name for each in await database.collections(name)):
                note(no_collection(name, [each.name for each in await database.collections()]))
