"""The ways there are to the records that a condition selects, with and without indexes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from protobase_live.query.ast.expressions import Expr, Field, conjuncts
from protobase_live.query.ast.ordering import TEXT, SortKey
from protobase_live.query.engine.bounds import Bounds, bounds_of
from protobase_live.query.engine.guard import Guarded, together
from protobase_live.query.engine.index import KEY_PATH, Entry, Index, Path, Paths, Walk, behind, named
from protobase_live.query.engine.key_index import KEY_PATHS
from protobase_live.query.engine.operator import Row

MAX_LOOKUPS = 200
"""Most stretches of an index that one query looks up."""

Terms = tuple[tuple[Expr, bool], ...]
"""What to order by: expressions, and whether each descends."""


@dataclass(frozen=True, eq=False)
class AccessPath:
    """One way to the records: the stretches of an index, some keys, or else everything."""

    walk: Walk | None
    """The walk that gives the order asked for, if there is one."""
    covered: Expr | None
    """What the way takes care of by itself."""
    residual: Guarded
    """What has still to be tested."""
    paths: Paths | None = None
    stretches: tuple[tuple[Entry, Entry], ...] = ()
    keys: tuple[str, ...] | None = None

    @cached_property
    def scan(self) -> Callable[[Iterable[Row]], list[Row]] | None:
        """The function that applies `residual`."""
        return self.residual.scan()

    @property
    def is_exact(self) -> bool:
        """Whether all that it leads to is selected."""
        return self.residual.whole is None

    def __str__(self) -> str:
        told = "scan"
        if self.paths is not None:
            told = f"index on {named(self.paths)}"
        elif self.keys is not None:
            told = "by key"
        if self.covered is not None:
            told += f" for {self.covered}"
        return told if self.is_exact else f"{told} where {self.residual.whole}"


class AccessPaths:
    """Finds the ways to the records for which all that is ``asked`` is true, to be ordered by ``terms``."""

    def __init__(self, asked: Guarded, terms: Terms) -> None:
        guards, rest = (() if each is None else conjuncts(each) for each in (asked.guard, asked.rest))
        self._guards = len(guards)
        """How many of the conjuncts, from the first on, guard the others."""
        self._conjuncts = (*guards, *rest)
        self._bounds: Bounds = bounds_of(self._conjuncts)
        self._terms = terms

    def through(self, indexes: Iterable[Index]) -> Iterator[AccessPath]:
        """All ways, with these indexes."""
        yield self._way(None, frozenset())
        if (points := self._bounds.points.get(KEY_PATH)) is not None:
            keys = tuple(key[1] for key in points.keys if key[0] == TEXT)
            in_order = not self._terms or len(keys) < 2
            yield self._way("up" if in_order else None, frozenset({points.conjunct}), keys=keys)
        for paths in dict.fromkeys((*(index.paths for index in indexes), KEY_PATHS)):
            if (way := self._through_index(paths)) is not None:
                yield way

    def _through_index(self, paths: Paths) -> AccessPath | None:
        points, spans = self._bounds.points, self._bounds.spans
        prefix: list[tuple[SortKey, ...]] = []
        covered: set[int] = set()
        for path in paths:
            found = points.get(path)
            if found is None or prod(map(len, (*prefix, found.keys))) > MAX_LOOKUPS:
                break
            prefix.append(found.keys)
            covered.add(found.conjunct)
        rest = paths[len(prefix) :]
        span = spans.get(rest[0]) if rest else None
        walk = self._walk(paths[: len(prefix)], rest)
        if not prefix and span is None and walk is None:
            return None
        if span is None:
            stretches = tuple((each, behind(each)) for each in product(*prefix))
        else:
            covered |= span.conjuncts
            stretches = tuple(((*each, span.low), (*each, span.high)) for each in product(*prefix))
        return self._way(walk, frozenset(covered), paths=paths, stretches=stretches)

    def _walk(self, fixed: Paths, rest: Paths) -> Walk | None:
        """The walk through a stretch of an index that gives the order asked for.

        In a stretch the fields ``fixed`` do not vary, then comes the order of ``rest``, then that of keys.
        """
        wanted: dict[Path, bool] = {}
        for expr, down in (*self._terms, (Field(KEY_PATH), False)):
            if not isinstance(expr, Field):
                return None
            path = expr.field_path
            if path == KEY_PATH or not (path in fixed or self._is_constant(path)):
                wanted.setdefault(path, down)
            if path == KEY_PATH:
                break
        given = (*rest, KEY_PATH)
        if tuple(wanted) != given[: given.index(KEY_PATH) + 1]:
            return None
        *downs, key_down = wanted.values()
        if not any(downs) and not key_down:
            return "up"
        if all(downs):
            return "back" if key_down else "down"
        return None

    def _is_constant(self, path: Path) -> bool:
        points = self._bounds.points.get(path)
        return points is not None and len(points.keys) == 1

    def _way(
        self,
        walk: Walk | None,
        covered: frozenset[int],
        *,
        paths: Paths | None = None,
        stretches: tuple[tuple[Entry, Entry], ...] = (),
        keys: tuple[str, ...] | None = None,
    ) -> AccessPath:
        left = [number for number in range(len(self._conjuncts)) if number not in covered]
        residual = Guarded(
            self._all_of(number for number in left if number < self._guards),
            self._all_of(number for number in left if number >= self._guards),
        )
        return AccessPath(walk, self._all_of(sorted(covered)), residual, paths, stretches, keys)

    def _all_of(self, numbers: Iterable[int]) -> Expr | None:
        return together(self._conjuncts[number] for number in numbers)
