"""Which request is carried out by what: a table, from which the OpenAPI description is made, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protobase_live.server.rest.answers import Answer
from protobase_live.server.rest.events import Events
from protobase_live.server.rest.request import BodyReader, Request, plain, value_in_body
from protobase_live.server.rest.services import Services

Handler = Callable[[Services, Request], Awaitable[Answer | Events]]


@dataclass(frozen=True, slots=True)
class Route:
    """One kind of request."""

    method: str
    path: str
    """Below `/api/v1`; a piece in braces stands for any one."""
    handler: Handler
    says: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the description says of it, beside what all have in common."""
    reads: BodyReader = value_in_body
    """What reads the request's body."""
    is_open: bool = False
    """Whether nobody is asked who he is."""

    def match(self, pieces: Sequence[str]) -> dict[str, str] | None:
        """The named pieces of a path that leads here; None for another path."""
        own = self.path.split("/")[1:]
        if len(own) != len(pieces):
            return None
        named = {mine[1:-1]: piece for mine, piece in zip(own, pieces, strict=True) if mine[0] == "{"}
        fixed = all(mine == piece for mine, piece in zip(own, pieces, strict=True) if mine[0] != "{")
        return named if fixed and all(named.values()) else None


def find(routes: Sequence[Route], pieces: Sequence[str]) -> dict[str, tuple[Route, dict[str, str]]]:
    """The routes of a path, by method, with its named pieces. Raises ValidationError."""
    found: dict[str, tuple[Route, dict[str, str]]] = {}
    for route in routes:
        named = route.match(pieces)
        if named is not None:
            found[route.method] = route, {name: plain(piece) for name, piece in named.items()}
    return found
