"""What an identity may do: what the policy says, and then the program's `Authorize`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from protobase_actors import Clock, is_cancelled, within
from protobase_live.limits import check_limits
from protobase_live.model.arguments import require
from protobase_live.permissions.grant import EVERYTHING, NOTHING, Action, Grant
from protobase_live.server.authentication import Identity
from protobase_live.server.limits import ServerLimits
from protobase_live.server.named_queries import NamedQueries
from protobase_live.server.revoked import Revoked

if TYPE_CHECKING:
    from protobase_live.permissions.policy import Policy

Authorize = Callable[[Identity, Action, str], bool | Awaitable[bool]]
"""Says whether an identity may do something with a collection, by its name; it may be async.

It is asked after the policy, and both have to allow. What belongs to no collection has the name ``""``.
Whatever it raises, or gives that is not True, denies; so does an answer that takes too long.
"""

_log = logging.getLogger(__name__)


def require_permissions(policy: object, authorize: object) -> None:
    """Raises ValidationError for what is no policy, and for what cannot be an `Authorize`."""
    if policy is not None:
        from protobase_live.permissions.policy import Policy  # a server without starts without

        check_limits(policy=(policy, Policy))
    right = "a function of identity, action and collection"
    require(authorize is None or callable(authorize), "authorize=", right, authorize)


class Authorization:
    """A policy and an `Authorize` that can be trusted to end, and to deny where they fail."""

    def __init__(
        self,
        clock: Clock,
        limits: ServerLimits,
        policy: Policy | None = None,
        authorize: Authorize | None = None,
        queries: NamedQueries | None = None,
    ) -> None:
        """Raises ValidationError for what is no policy or no function."""
        require_permissions(policy, authorize)
        self.queries = queries or NamedQueries()
        """Which queries are run."""
        self.revoked = Revoked(limits.revocations)
        self._policy = policy
        self._authorize = authorize
        self._clock = clock
        self._seconds = limits.authorize_seconds
        self._failures = 0
        self._told: set[str] = set()

    @property
    def failures(self) -> int:
        """How often a rule or `Authorize` has failed, and denied so."""
        return self._failures + (self._policy.failures if self._policy is not None else 0)

    @property
    def is_needed(self) -> bool:
        """Whether anybody says what may be done."""
        return self._policy is not None or self._authorize is not None

    def grant(self, identity: Identity, collection: str) -> Grant:
        """What the policy says. ``authorize`` may still deny each action."""
        if self.revoked.refuses(identity.author, collection):
            return NOTHING
        grant = EVERYTHING if self._policy is None else self._policy.grant(identity, collection)
        return grant.without("write", "admin") if identity.read_only else grant

    async def allows(self, identity: Identity, action: Action, collection: str) -> bool:
        """Whether both allow it."""
        if not self.grant(identity, collection).allows(action):
            return False
        return self._authorize is None or await self._ask(self._authorize, identity, action, collection)

    async def _ask(self, authorize: Authorize, identity: Identity, action: Action, collection: str) -> bool:
        try:
            answer: Any = authorize(identity, action, collection)
            if isawaitable(answer):
                answer = await within(self._clock, self._seconds, _result(answer))
            if not isinstance(answer, bool):
                raise TypeError
            return answer
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            return self._failed("it cancelled itself")
        except TimeoutError:
            return self._failed(f"no answer within {self._seconds:g} seconds (authorize_seconds)")
        except Exception as error:
            return self._failed(type(error).__name__)

    def _failed(self, reason: str) -> bool:
        """Denied; each reason is told once, for clients may bring it about as often as they like."""
        self._failures += 1
        if reason not in self._told:
            self._told.add(reason)
            _log.error("authorize failed, so it denied: %s", reason, extra={"event": "authorize_failed"})
        return False


async def _result(answer: Awaitable[Any]) -> Any:
    return await answer
