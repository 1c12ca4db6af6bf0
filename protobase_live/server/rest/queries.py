"""Queries over REST, as text or as JSON."""

from __future__ import annotations

import json
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.server.rest.answers import Answer, listing, whole
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services


async def query(at: Services, request: Request) -> Answer:
    """The rows of a query, or how they would be found."""
    asked = request.fields("query", optional=("params", "explain"))
    found = (await at.authority.query_of(asked["query"])).bind(_params(asked.get("params", {})))
    if _flag(asked.get("explain", False)):
        explained = await at.database.views.explain(found)
        return whole({"explanation": explained.form()}, at.limits.http_answer_bytes)
    request.account.opened.use(found.collections)
    rows = await at.database.views.share().query(found)
    return await listing("rows", rows, {}, at.limits.http_answer_bytes)


async def named(at: Services, request: Request) -> Answer:
    """The rows of a named query; its parameters are those of the address, each JSON or else a text."""
    params = {name: _value(name, text) for name, text in request.query.items() if name != "token"}
    found = await at.authority.query_of({"named": request.path["name"], "params": params})
    request.account.opened.use(found.collections)
    rows = await at.database.views.share().query(found)
    return await listing("rows", rows, {}, at.limits.http_answer_bytes)


def _value(name: str, text: str) -> Any:
    try:
        return values.from_json(json.loads(text))
    except ValueError:
        return text
    except RecursionError:
        raise ValidationError(f"the parameter {values.quoted(name)} is nested too deeply") from None


def _params(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValidationError(f"params is {values.short(given)}; expected an object")
    return cast("dict[str, Any]", given)


def _flag(given: Any) -> bool:
    if not isinstance(given, bool):
        raise ValidationError(f"explain is {values.short(given)}; expected true or false")
    return given
