"""Queries over REST, as text or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from protobase_live.errors import ValidationError
from protobase_live.model import values
from protobase_live.server.live_database import have_queries, query_of
from protobase_live.server.rest.answers import Answer, answer, listing
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services


async def query(at: Services, request: Request) -> Answer:
    """The rows of a query, or how they would be found, or its form."""
    asked = request.fields("query", optional=("params", "explain", "form"))
    await have_queries()
    found = _query_of(asked["query"]).bind(_params(asked.get("params", {})))
    if _flag(asked, "form"):
        return answer({"form": _form_of(found)})
    if _flag(asked, "explain"):
        return answer({"explanation": (await at.database.views.explain(found)).form()})
    rows = await at.database.views.share().query(found)
    return await listing("rows", rows, {}, at.limits.http_answer_bytes)


def _query_of(given: Any) -> Any:
    from protobase_live.query.language.text import parse

    return parse(given) if isinstance(given, str) else query_of(given)


def _params(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValidationError(f"params is {values.short(given)}; expected an object")
    return cast("dict[str, Any]", given)


def _form_of(query: Any) -> Any:
    from protobase_live.query.language.form import to_form

    return to_form(query)


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    given = asked.get(name, False)
    if not isinstance(given, bool):
        raise ValidationError(f"{name} is {values.short(given)}; expected true or false")
    return given
