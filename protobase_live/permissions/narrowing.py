"""Queries over what somebody may see alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protobase_live.permissions.sight import Sight
from protobase_live.query.ast.tree import Q, QueryTree, Step, Traverse, map_step

SightOf = Callable[[str], Sight | None]
"""What is seen of a collection; None: all of it."""


def narrow(query: Q, sight: SightOf) -> Q:
    """The query as if nothing were in its collections but the rows and fields that ``sight`` lets be seen.

    Each use of a collection begins with these: also those of joined and united queries, and the records among
    which `traverse` walks. So nothing behind it can tell that there is more, run once or live. The
    condition of the rows guards them: nothing of the query is asked of others, of which it could fail. The
    query itself where all is seen. Raises what ``sight`` raises, and LimitExceeded where it gets too large.
    """
    if all((seen := sight(name)) is None or seen.shows_records for name in query.collections):
        return query
    return _narrowed(query, sight)


def _narrowed(query: Q, sight: SightOf) -> Q:
    found = sight(query.collection)
    seen = () if found is None else found.steps
    steps = [_among(step, query) for step in query.steps] if seen else query.steps
    inside = (map_step(step, lambda each: each, lambda other: _narrowed(other, sight)) for step in steps)
    return query.with_steps((*seen, *inside))


def _among(step: Step, query: QueryTree) -> Step:
    """`Traverse` with a query for the records of the collection, which can be narrowed."""
    if isinstance(step, Traverse) and step.among is None:
        return replace(step, among=type(query)(query.collection))
    return step
