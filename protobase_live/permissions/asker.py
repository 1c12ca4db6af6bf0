"""Who asks, and what rules may know of that: claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast

from protobase_live.query.ast.expressions import Call, Expr, Field, expr

IDENTITY = "identity"
"""What stands in conditions for who asks. Rules cannot speak of a record's field of this name."""

identity = Field((IDENTITY,))
"""In the condition of a rule ``pb.identity.sub`` is the author of who asks, ``pb.identity.team`` a claim."""


class Asker(Protocol):
    """What rules know of an identity (`protobase_live.server.authentication.Identity`)."""

    @property
    def author(self) -> str | None: ...

    @property
    def claims(self) -> Mapping[str, Any]: ...


class ClaimMissing(LookupError):
    """A condition speaks of a claim that the identity does not have: the rule is not about that identity."""


def claim(asker: Asker, *path: str) -> Any:
    """The claim at ``path``; ``sub`` is the author. Raises ClaimMissing, also for one that is None."""
    found: Any = {**asker.claims, "sub": asker.author}
    for name in path:
        found = cast("Mapping[str, Any]", found).get(name) if isinstance(found, Mapping) else None
    if found is None:
        raise ClaimMissing(".".join((IDENTITY, *path)))
    return found


def bound(condition: Expr, asker: Asker) -> Expr:
    """The condition with the claims of ``asker`` for ``identity.<claim>``.

    Raises ClaimMissing, and ValidationError for a claim that can be no constant of a query.
    """
    if isinstance(condition, Call):
        return Call(condition.op, tuple(bound(each, asker) for each in condition.args))
    if isinstance(condition, Field) and condition.field_path[0] == IDENTITY:
        return expr(claim(asker, *condition.field_path[1:]))
    return condition
