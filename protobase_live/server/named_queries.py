"""Named queries: the program builds them, and clients name them and give their parameters."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, cast

from protobase_live.errors import Forbidden, ProtoBaseError, ValidationError
from protobase_live.model import values
from protobase_live.model.arguments import require, require_flags
from protobase_live.server.authentication import Identity
from protobase_live.server.live_database import have_queries, query_of

if TYPE_CHECKING:
    from protobase_live.query.language.query import Query

Build = Callable[..., "Query"]
"""Makes a query of an identity and of what a client gives by name: ``def my_tasks(identity, done=False)``."""

_log = logging.getLogger(__name__)


def is_named(given: Any) -> bool:
    """Whether that is what a client names a query with."""
    return isinstance(given, dict) and "named" in given


class NamedQueries:
    """Those of one server."""

    def __init__(self, builds: Mapping[str, Build] | None = None, *, only: bool = False) -> None:
        """``only``: no other queries are run. Raises ValidationError for arguments of another type."""
        right = "a dict of functions such as {'my_tasks': my_tasks}"
        require(builds is None or isinstance(cast(Any, builds), Mapping), "named=", right, builds)
        require_flags(named_queries_only=only)
        self._builds = dict(builds or {})
        for name, build in self._builds.items():
            require(isinstance(cast(Any, name), str) and callable(build), "named=", right, self._builds)
        self._only = only
        self._told: set[tuple[str, str]] = set()

    async def query_of(self, given: Any, identity: Identity) -> Query:
        """The query that a client asks for: named, as its form, or as text.

        Raises ValidationError, and Forbidden for one that is not named where only those are run.
        """
        await have_queries()
        if is_named(given):
            return self._built(cast("dict[str, Any]", given), identity)
        if self._only:
            raise Forbidden("only named queries are run here (named_queries_only)")
        return query_of(given)

    def _built(self, given: Mapping[str, Any], identity: Identity) -> Query:
        name, params = given["named"], given.get("params", {})
        if not isinstance(name, str) or name not in self._builds:
            raise ValidationError(f"there is no named query {values.short(name)}")
        if not isinstance(params, dict) or given.keys() - {"named", "params"}:
            raise ValidationError("a named query is {'named': name, 'params': {name: value}}")
        build = self._builds[name]
        try:
            inspect.signature(build).bind(identity, **params)
        except TypeError as error:
            raise ValidationError(f"the named query {values.short(name)}: {error}") from None
        return self._call(name, build, identity, cast("dict[str, Any]", params))

    def _call(self, name: str, build: Build, identity: Identity, params: dict[str, Any]) -> Query:
        from protobase_live.query.language.query import Query  # with the first of them

        try:
            found: Any = build(identity, **params)
        except ProtoBaseError:
            raise
        except Exception as error:
            return self._fail(name, type(error).__name__)
        if not isinstance(found, Query):
            return self._fail(name, f"it gave {type(found).__name__}; expected a query")
        return found

    def _fail(self, name: str, reason: str) -> NoReturn:
        """Each reason is told once, for clients may bring it about as often as they like."""
        if (name, reason) not in self._told:
            self._told.add((name, reason))
            _log.error("the named query %r failed: %s", name, reason, extra={"event": "named_query_failed"})
        raise ProtoBaseError(f"the named query {name!r} failed")
