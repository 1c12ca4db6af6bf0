"""The permissions of a server: who asks for them, and how they are taken away from who is there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from protobase_actors import Clock, OrderedSet
from protobase_live.errors import Forbidden, ValidationError
from protobase_live.model.arguments import texts
from protobase_live.model.names import check_somebody, known_collection
from protobase_live.permissions.grant import SERVER
from protobase_live.permissions.pattern import Pattern
from protobase_live.server.authentication import Identity
from protobase_live.server.authority import Authority
from protobase_live.server.authorization import Authorization, Authorize
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS, ServerLimits
from protobase_live.server.named_queries import NamedQueries
from protobase_live.server.revocations import Revocations

if TYPE_CHECKING:
    from protobase_live.database.database import Database
    from protobase_live.permissions.policy import Policy
    from protobase_live.protocol.live.permission_messages import RevokeRequest

AT_ONCE = 100
"""How many clients are asked about at once."""

_all: WeakSet[Permissions] = WeakSet()


class Permissions:
    """Those of all clients of one server, whichever door they came through."""

    def __init__(
        self,
        clock: Clock,
        limits: ServerLimits = DEFAULT_SERVER_LIMITS,
        policy: Policy | None = None,
        authorize: Authorize | None = None,
        queries: NamedQueries | None = None,
        database: Database | None = None,
    ) -> None:
        """Without ``policy`` and ``authorize`` everything is allowed, but what who only reads may not do.
        ``database`` is where it stands who is revoked; None: nobody is, for clients have no names.

        Raises ValidationError for what is no policy.
        """
        self._authorization = Authorization(clock, limits, policy, authorize, queries)
        self._everyone: OrderedSet[Authority] = OrderedSet()
        revoked = self._authorization.revoked
        self._revocations = database and Revocations(database, revoked, self.recheck, clock)
        _all.add(self)

    async def begin(self) -> None:
        """Find out who is revoked, before the first client comes."""
        if self._revocations is not None:
            await self._revocations.begin()

    def close(self) -> None:
        """The last client has gone."""
        if self._revocations is not None:
            self._revocations.close()

    @property
    def failures(self) -> int:
        """How often a rule or `Authorize` has failed, and denied so."""
        return self._authorization.failures

    @property
    def revoked(self) -> int:
        """How many are revoked."""
        return len(self._authorization.revoked)

    def session(self, identity: Identity | None = None) -> Authority:
        """What a client may do; without an identity nothing, until it has one."""
        return Authority(self._authorization, self._everyone, identity)

    async def recheck(self, collection: str | None = None, identities: Iterable[str] | None = None) -> None:
        """Ask again about what is open; see `recheck`."""
        pattern, wanted = _asked_again(collection, identities)
        found = [each for each in self._everyone if wanted is None or _author(each) in wanted]
        for start in range(0, len(found), AT_ONCE):
            await asyncio.gather(*(each.reconsider(pattern) for each in found[start : start + AT_ONCE]))

    async def revoke(self, author: str, collection: str | None = None) -> None:
        """Refuse an author a collection, None: everything, at all servers of the database and of its cluster,
        until he is let in again. What is open of it ends.

        Raises InvalidName, LimitExceeded, ValidationError where clients have no names, and what
        `Database.commit` raises: then it holds at this server, until it stops.
        """
        _check_revocation(author, collection)
        await self._kept.add(author, collection)

    async def let_in(self, author: str, collection: str | None = None) -> None:
        """Take back what `revoke` did; None: all of it.

        Raises InvalidName, and what `Database.commit` raises.
        """
        _check_revocation(author, collection)
        await self._kept.discard(author, collection)

    @property
    def _kept(self) -> Revocations:
        if self._revocations is None:
            raise ValidationError("nobody can be revoked where all are anonymous: this takes authenticate")
        return self._revocations

    async def answer(self, request: RevokeRequest, asker: Authority) -> None:
        """Carry out what a client asks for. Raises Forbidden, InvalidName and LimitExceeded."""
        check_somebody(request.author)
        if not self._authorization.is_needed:
            raise Forbidden("revoking needs a policy that lets you administer the server (admin)")
        await asker.check("admin", [SERVER if request.collection is None else request.collection])
        await (self.let_in if request.let_in else self.revoke)(request.author, request.collection)


async def recheck(collection: str | None = None, identities: Iterable[str] | None = None) -> None:
    """Ask policies and hooks again about what is open at servers of this process, and end what may not be.

    ``collection`` is a name, or a pattern in which ``*`` stands for any text; None: all. ``identities`` are
    authors; None: everybody's. Streams, live queries and presence end with Forbidden, Yjs clients are closed
    with 4403 or cannot write any more; everything else goes on. It returns when all that is done.

    Raises ValidationError for what can be no name of a collection, and no author.
    """
    _asked_again(collection, identities)
    await asyncio.gather(*(each.recheck(collection, identities) for each in list(_all)))


def _asked_again(collection: Any, identities: Any) -> tuple[Pattern, set[str] | None]:
    """Which collections and which authors (None: all) that is. Raises ValidationError."""
    pattern = Pattern("*" if collection is None else collection)
    if identities is None:
        return pattern, None
    if isinstance(identities, str):
        return pattern, {identities}
    return pattern, {*texts("identities=", "a list of authors such as ['ann']", identities)}


def _check_revocation(author: Any, collection: Any) -> None:
    """Raises InvalidName."""
    check_somebody(author)
    if collection is not None:
        known_collection(collection)


def _author(authority: Authority) -> str | None:
    return None if authority.identity is None else authority.identity.author
