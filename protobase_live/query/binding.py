"""A query with values for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from protobase_live.query.expressions import bind
from protobase_live.query.query import Query
from protobase_live.query.steps import map_step


def bind_query(query: Query, params: Mapping[str, Any]) -> Query:
    """The query with values for its parameters.

    Raises ValidationError for a parameter without a value, or with one that it cannot have.
    """
    return query.with_steps(
        map_step(step, lambda each: bind(each, params), lambda other: bind_query(other, params))
        for step in query.steps
    )
