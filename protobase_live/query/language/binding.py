"""A query with values for its parameters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from protobase_live.query.ast.expressions import bind
from protobase_live.query.ast.tree import Q, map_step

MAX_REMEMBERED = 1_024
"""Queries with values that are kept for the next time they are asked, with what was prepared for them."""

_SCALARS = frozenset({str, int, bool, type(None)})


def bind_query(query: Q, params: Mapping[str, Any]) -> Q:
    """The query with values for its parameters.

    Raises ValidationError for a parameter without a value, or with one that it cannot have.
    """
    if all(value.__class__ in _SCALARS for value in params.values()):
        return _remembered(query, tuple((name, value.__class__, value) for name, value in params.items()))
    return _bound(query, params)


@lru_cache(MAX_REMEMBERED)
def _remembered(query: Q, params: tuple[tuple[str, type, Any], ...]) -> Q:
    """`_bound`; the types are there because True is not 1."""
    return _bound(query, {name: value for name, _, value in params})


def _bound(query: Q, params: Mapping[str, Any]) -> Q:
    return query.with_steps(
        map_step(step, lambda each: bind(each, params), lambda other: _bound(other, params))
        for step in query.steps
    )
