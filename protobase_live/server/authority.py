"""What one client may do, and what is open of it that has to end when it no longer may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from protobase_actors import OrderedSet
from protobase_live.errors import Forbidden
from protobase_live.model.values import quoted
from protobase_live.permissions.grant import NOTHING, SERVER, Action, Grant
from protobase_live.permissions.pattern import Pattern
from protobase_live.permissions.permits import permit_of
from protobase_live.server.authentication import Identity
from protobase_live.server.authorization import Authorization

if TYPE_CHECKING:
    from protobase_live.permissions.permit import GrantPermit
    from protobase_live.permissions.sight import Sight
    from protobase_live.query.language.query import Query

REMEMBERED = 1_000
"""How many things that are allowed are remembered; then all are forgotten, and asked about again."""

ALL_COLLECTIONS = Pattern("*")

REVOKED = "what you were allowed to do was revoked"

Reconsider = Callable[[], Awaitable[None]]
"""Asks again whether something that is open may be, and ends it if not."""


class Authority:
    """The decisions about one client; what was allowed is remembered until it is asked about again."""

    __slots__ = ("_allowed", "_asked", "_authorization", "_everyone", "_open", "_permits", "identity")

    def __init__(
        self, authorization: Authorization, everyone: OrderedSet[Authority], identity: Identity | None = None
    ) -> None:
        """``everyone`` holds it while anything is open. Who has no identity yet may do nothing."""
        self.identity = identity
        self._authorization = authorization
        self._everyone = everyone
        self._allowed: set[tuple[Action, str]] = set()
        self._permits: dict[str, GrantPermit | None] = {}
        self._asked = 0
        self._open: dict[object, tuple[Collection[str], Reconsider]] = {}

    @property
    def is_revoked(self) -> bool:
        """Whether the client was refused everything."""
        return self.identity is not None and self._authorization.revoked.refuses(self.identity.author, None)

    def begin(self, identity: Identity) -> None:
        """From now on decide by this identity. Raises Forbidden if it was refused everything."""
        self.identity = identity
        self._forget()
        if self.is_revoked:
            raise Forbidden(REVOKED)

    async def renew(self, identity: Identity) -> None:
        """Go on with what the author's next token says, and end what that does not allow.

        Raises Forbidden if the author was refused everything.
        """
        self.begin(identity)
        await self.reconsider(ALL_COLLECTIONS)

    def grant(self, collection: str) -> Grant:
        """What the policy lets be done with a collection; whether it is let at all, `may` says."""
        return NOTHING if self.identity is None else self._authorization.grant(self.identity, collection)

    def permit(self, collection: str) -> GrantPermit | None:
        """What of a collection may be read and written, for who may do so at all; None: all of it."""
        if collection not in self._permits:
            if len(self._permits) >= REMEMBERED:
                self._permits.clear()
            self._permits[collection] = permit_of(self.grant(collection))
        return self._permits[collection]

    def sight(self, collection: str) -> Sight | None:
        """What of a collection may be read, for who may read it at all; None: all of it."""
        permit = self.permit(collection)
        return None if permit is None or permit.sight.shows_all else permit.sight

    async def may(self, action: Action, collection: str) -> bool:
        """Whether something of the collection may be done so, when this returns."""
        if (action, collection) in self._allowed:
            return True
        asked, allowed = None, False
        while self.identity is not None and asked != self._asked:  # else it is an answer of before
            asked = self._asked
            allowed = await self._authorization.allows(self.identity, action, collection)
        if allowed:
            self._remember(action, collection)
        return allowed

    async def check(self, action: Action, collections: Iterable[str]) -> None:
        """Raises Forbidden unless something may be done so with all of the collections."""
        for name in sorted(collections):
            if not await self.may(action, name):
                raise Forbidden(_denied(action, name))

    async def check_whole(self, action: Action, collections: Collection[str]) -> None:
        """Raises Forbidden unless all of the collections may be done so, and not some parts of them."""
        await self.check(action, collections)
        for name in sorted(collections):
            if not self.grant(name).is_whole(action):
                raise Forbidden(f"{_denied(action, name)} as a whole, but in parts")

    async def query_of(self, given: Any) -> Query:
        """The query that the client asks for. See `NamedQueries`."""
        return await self._authorization.queries.query_of(given, self.identity or Identity())

    def open(self, collections: Collection[str], reconsider: Reconsider) -> Callable[[], None]:
        """From now on something is open that is about these collections; call what is returned at its end.

        Begin this before it is checked whether it may be: it is asked about again if that changes meanwhile.
        """
        key = object()
        self._open[key] = collections, reconsider
        self._everyone.add(self)

        def close() -> None:
            if self._open.pop(key, None) is not None and not self._open:
                self._everyone.discard(self)

        return close

    async def reconsider(self, collections: Pattern) -> None:
        """Forget what was allowed, and ask again about what is open of these collections."""
        self._asked += 1
        self._forget()
        for names, reconsider in list(self._open.values()):
            if not names or any(map(collections.names, names)):
                await reconsider()

    def _forget(self) -> None:
        self._allowed.clear()
        self._permits.clear()

    def _remember(self, action: Action, collection: str) -> None:
        if len(self._allowed) >= REMEMBERED:
            self._forget()
        self._allowed.add((action, collection))


_WORDS: Mapping[Action, str] = {
    "read": "read",
    "write": "write",
    "presence": "be present in",
    "admin": "administer",
}


def _denied(action: Action, collection: str) -> str:
    """The words of a refusal: the same whether the collection exists or not."""
    what = "this server" if collection == SERVER else f"collection {quoted(collection)}"
    return f"you may not {_WORDS[action]} {what} ({action})"
