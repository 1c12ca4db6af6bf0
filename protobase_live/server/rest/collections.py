"""Collections as a whole over REST."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from protobase_live.server.rest.answers import Answer, listing
from protobase_live.server.rest.events import Events
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services

PAGE, MOST_PAGE = 100, 1_000
"""How many collections a page has unless ``limit`` says so, and at most."""


async def list_collections(at: Services, request: Request) -> Answer:
    """A page of the collections whose names begin with ``prefix``, in the order of their names."""
    limit, after = request.count("limit", PAGE, MOST_PAGE), request.query.get("after", "")
    found = await at.database.collections(request.query.get("prefix", ""))
    page = [asdict(each) for each in found if each.name > after][: limit + 1]
    following = page[limit - 1]["name"] if len(page) > limit else None
    return await listing("collections", page[:limit], {"next": following}, at.limits.http_answer_bytes)


async def drop_collection(at: Services, request: Request) -> Answer:
    """Delete a collection with its history."""
    await at.database.drop(request.path["collection"])
    return Answer(HTTPStatus.NO_CONTENT)


async def stream_changes(at: Services, request: Request) -> Events:
    """The changes of a collection as server-sent events, from a cursor or from now on."""
    since = request.headers.get("last-event-id") or request.query.get("since")
    stream = at.database.changes(request.path["collection"], since)
    return Events(at, await stream.__aenter__(), request.expires)
