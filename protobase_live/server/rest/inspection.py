"""What the inspector shows, over REST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from protobase_live.database.inspection import (
    InspectedCollection,
    inspected_collections,
    inspected_storage,
)
from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.server.rest.answers import Answer, Refusal, listing
from protobase_live.server.rest.collections import MOST_PAGE, PAGE
from protobase_live.server.rest.openapi import Schema, body_of, query, text
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services


async def inspect(at: Services, request: Request) -> Answer:
    """How the server is: node, links, sessions, storage, and a page of collections with their actors."""
    if not at.inspector:
        raise Refusal(HTTPStatus.NOT_FOUND, ValidationError("the inspector is switched off at this server"))
    size, after = request.count("limit", PAGE, MOST_PAGE), request.query.get("after", "")
    server, prefix = await _server(at), request.query.get("prefix", "")
    page = await _page(at, prefix, after, size + 1, loaded=_flag(request, "loaded"))
    more = {"next": page[size - 1].name if len(page) > size else None, **server}
    items = [asdict(each) for each in page[:size]]
    return await listing("collections", items, more, at.limits.http_answer_bytes)


async def _page(
    at: Services, prefix: str, after: str, size: int, *, loaded: bool
) -> list[InspectedCollection]:
    """The first collections behind ``after`` that who asks may administer, at most ``size``."""
    found = list[InspectedCollection]()
    while len(found) < size:
        page = await inspected_collections(at.whole, prefix, after, size, loaded=loaded)
        found += [each for each in page if await at.authority.may("admin", each.name)]
        if len(page) < size:
            break
        after = page[-1].name
    return found[:size]


async def _server(at: Services) -> Mapping[str, Any]:
    """What is said beside the collections. Raises Forbidden for who may not administer the server."""
    return {
        "node": (await at.database.cluster_status()).form(),
        "sessions": dict(at.counters.sessions),
        "live_queries": at.whole.live_queries,
        "storage": asdict(await inspected_storage(at.whole)),
    }


_COUNT: Schema = {"type": "integer", "minimum": 0}
_SECONDS: Schema = {"type": "number", "minimum": 0}
_REASON: Schema = {"type": ["string", "null"]}

_LISTENERS = body_of({"editors": _COUNT, "streams": _COUNT, "live_queries": _COUNT})
_ACTOR = body_of(
    {
        "state": text(),
        **dict.fromkeys(("mailbox", "waiting", "turns", "messages", "restarts"), _COUNT),
        **dict.fromkeys(("turn_seconds", "turn_seconds_max"), _SECONDS),
        "failure": _REASON,
    }
)
_COLLECTION = body_of(
    {
        "name": text(),
        **dict.fromkeys(("snapshot_bytes", "log_commits", "log_bytes", "people"), _COUNT),
        **dict.fromkeys(("corrupt", "read_only"), _REASON),
        "listeners": _LISTENERS,
        "actor": {"oneOf": [{"type": "null"}, _ACTOR], "description": "null: it is not in memory"},
    }
)
_STORAGE = body_of(
    {
        **dict.fromkeys(("collections", "bytes", "commits", "flushes", "backlog", "failures"), _COUNT),
        "last_flush_seconds": _SECONDS,
        "failure": _REASON,
    }
)
INSPECTION = body_of(
    {
        "collections": {"type": "array", "items": _COLLECTION},
        "next": _REASON,
        "node": {"type": "object", "description": "as `cluster` of the live protocol tells it"},
        "sessions": {"type": "object", "additionalProperties": _COUNT, "description": "by door"},
        "live_queries": _COUNT,
        "storage": _STORAGE,
    }
)
"""The schema of what is answered."""

LOADED: Schema = query("loaded", {"type": "boolean", "default": False}, "only those in memory")
"""The parameter that leaves out what is not in memory."""


def _flag(request: Request, name: str) -> bool:
    given = request.query.get(name, "false")
    if given not in ("true", "false"):
        raise ValidationError(f"{name} is {values.short(given)}; expected true or false")
    return given == "true"
