"""Which request is carried out by what: a table, from which the OpenAPI description is made, too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.nearest import did_you_mean
from protobase_live.model.values import quoted
from protobase_live.server.rest.answers import Answer
from protobase_live.server.rest.events import Events
from protobase_live.server.rest.request import BodyReader, Request, plain, value_in_body
from protobase_live.server.rest.services import Services

CONDITIONS = ("If-Match", "If-None-Match")
"""The headers that say when a request is not to be carried out. Those with a date mean nothing where there is
none of a change (RFC 9110, 13.1.3 and 13.1.4)."""

TOKEN = "token"
"""The parameter of every address that says who asks."""

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
    takes_any: bool = False
    """Whether parameters of any name mean something."""

    def check_query(self, query: Mapping[str, str]) -> None:
        """Raises ValidationError for a parameter that means nothing here: an answer to another question than
        the one that was meant looks like one."""
        parameters = self.says.get("parameters", ())
        known = [*(each["name"] for each in parameters if each["in"] == "query"), TOKEN]
        for name in query:
            if not self.takes_any and name not in known:
                near = did_you_mean(name, known)
                raise ValidationError(
                    f"the address has a parameter {quoted(name)}, which means nothing here{near}"
                )

    def check_conditions(self, headers: Mapping[str, str]) -> None:
        """Raises ValidationError for a condition that is not looked at here: what it should hold back would
        be done. One that asks what is new, with If-None-Match, is always answered."""
        known = {each["name"] for each in self.says.get("parameters", ()) if each["in"] == "header"}
        if self.method == "GET":
            known.add("If-None-Match")
        for name in CONDITIONS:
            if name.lower() in headers and name not in known:
                raise ValidationError(
                    f"the request has the condition {name}, which means nothing here: nothing was done"
                )

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
