"""Collections as a whole over REST."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus

from protobase_live.document.targets import OPEN, named_structure
from protobase_live.errors import ValidationError
from protobase_live.model.erasure import NeverThere
from protobase_live.model.operations import Read
from protobase_live.model.values import short
from protobase_live.server.rest.answers import Answer, Refusal, answer, listing
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


async def erase_collection(at: Services, request: Request) -> Answer:
    """Have no byte left of a collection, or of one record of it and its past."""
    key = request.fields("key")["key"]
    if not isinstance(key, str | None):
        raise ValidationError(
            f"the key of a record is a text, or null for all of the collection, not {short(key)}"
        )
    try:
        return answer(asdict(await at.database.erase(request.path["collection"], key)))
    except NeverThere as error:
        raise Refusal(HTTPStatus.NOT_FOUND, error) from None


async def find_node(at: Services, request: Request) -> Answer:
    """The node that a collection is best opened at, of those on the same stream that say where they are."""
    found = at.whole.preferred_node(request.path["collection"])
    return answer({"node": None, "address": None} if found is None else asdict(found))


async def stream_changes(at: Services, request: Request) -> Events:
    """The changes of a collection as server-sent events, from a cursor or from now on; also those of the
    structures that it names, which are opened here.

    Raises ValidationError, and KindMismatch for a structure that is of another kind.
    """
    since = request.headers.get("last-event-id") or request.query.get("since")
    collection = request.path["collection"]
    structures = [named_structure(each) for each in request.query.all("structure")]
    for each in structures:
        await at.database.read(collection, Read(each, OPEN))
    stream = at.database.changes(collection, since, *structures)
    return Events(at, await stream.__aenter__(), request.expires)
