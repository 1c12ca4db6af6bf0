"""Who a client is: what the program's `Authenticate` says of its token. Whatever else it does refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import isawaitable, signature
from sys import float_info
from typing import Any, cast

from protobase_actors import Clock, is_cancelled, within
from protobase_live.errors import InvalidName, ProtoBaseError, Unauthorized, Unavailable
from protobase_live.model.arguments import require, require_flags, require_secret
from protobase_live.model.names import check_author
from protobase_live.server.client_request import NOTHING_KNOWN, ClientRequest
from protobase_live.server.connection_log import here
from protobase_live.server.expiry import ENDED
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is: the author of its commits, None if it may name one, and whether it may only read.

    ``claims`` is what else is known of it, for the rules of a `Policy`; who differs in these alone is equal.
    """

    author: str | None = None
    read_only: bool = False
    expires: float | None = None
    """When that ends, in seconds since 1970; None: never. Then the client has to present another token."""
    claims: Mapping[str, Any] = field(default_factory=dict[str, Any], compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raises InvalidName for the author, ValidationError for what else is of another type."""
        check_author(self.author)
        require_flags(read_only=self.read_only)
        require(_is_moment(self.expires), "expires=", "a number of seconds since 1970, or None", self.expires)
        require_secret(isinstance(cast(Any, self.claims), Mapping), "claims=", "a mapping", self.claims)


_Answer = Identity | str | Awaitable[Identity | str | None] | None

Authenticate = Callable[[str | None], _Answer] | Callable[[ClientRequest], _Answer]
"""Turns a client's token (None if it has none) into who it is; it may be async. One whose first parameter is
called ``request`` is given a `ClientRequest` instead, which has the token, the path, the headers and the
address.

A str is the author of the client's commits. Of a token, None lets the client name one; of a request, None
refuses. It raises Unauthorized to refuse the
client, with a message for it, and Unavailable when whoever knows cannot be asked: the client comes back then.
Whatever else it raises or gives refuses, too.
"""

LEAST_SECRET_CHARS = 8
"""A shorter token is no secret, and may be part of any word."""

_log = logging.getLogger(__name__)


def anonymous(token: str | None) -> None:
    """The `Authenticate` that lets everybody in; commits keep the author that their clients name."""


def require_authenticate(given: object) -> None:
    """Raises ValidationError for what cannot be an `Authenticate`."""
    require(callable(given), "authenticate=", "a function of the token, or pb.Jwt(...)", given)


class Authentication:
    """An `Authenticate` that can be trusted to end, to give an author or raise Unauthorized or Unavailable,
    and to keep tokens out of the log and of errors."""

    def __init__(
        self,
        authenticate: Authenticate,
        clock: Clock,
        seconds: float = DEFAULT_SERVER_LIMITS.authenticate_seconds,
    ) -> None:
        """After ``seconds`` without an answer the client is told to come back.

        Raises ValidationError for what is no function.
        """
        require_authenticate(authenticate)
        self._authenticate = authenticate
        self._clock = clock
        self._seconds = seconds
        self._asks_for_requests = _asks_for_requests(authenticate)
        self.tells_apart = authenticate is not anonymous
        """Whether it is known who is who."""

    def request(self, find: Callable[[], ClientRequest]) -> ClientRequest:
        """What a client came with, if it is asked for: else nothing is kept of it."""
        return find() if self._asks_for_requests else NOTHING_KNOWN

    async def identity(self, token: str | None, request: ClientRequest = NOTHING_KNOWN) -> Identity:
        """Who has this token, and came with this request.

        Raises Unauthorized, and Unavailable if that cannot be found out now.
        """
        came = replace(request, token=token)
        try:
            return await self._identity(came)
        except ProtoBaseError as error:  # of any class: what it says is the program's
            kind = Unavailable if isinstance(error, Unavailable) else Unauthorized
            raise kind(without_secrets(came, str(error))) from None  # its cause may quote the token

    async def _identity(self, came: ClientRequest) -> Identity:
        try:
            answer = await self._answer(came)
            if answer is None and self._asks_for_requests:
                raise Unauthorized("who this client is could not be told")
            identity = answer if isinstance(answer, Identity) else Identity(answer)
            if identity.expires is not None and not self._clock.time() < identity.expires:
                raise Unauthorized(ENDED)
            return identity
        except Unauthorized as error:
            said = without_secrets(came, repr(str(error)))
            _log.info("refused a client: %s", said, extra=here("client_refused"))
            raise
        except Unavailable as error:
            self._tell_down(without_secrets(came, repr(str(error))))
            raise
        except TimeoutError:
            self._tell_down(f"no answer within {self._seconds:g} seconds (authenticate_seconds)")
            raise Unavailable("the token could not be checked now") from None
        except InvalidName as error:
            mistake = f"it has to return a str, an Identity or None: {error}"
        except asyncio.CancelledError:
            if is_cancelled():
                raise
            mistake = "it cancelled itself"
        except Exception as error:
            mistake = repr(error)
        said, fields = without_secrets(came, mistake), here("authenticate_failed")
        _log.error("authenticate failed, so a client was refused: %s", said, extra=fields)
        raise Unauthorized("the token could not be checked")

    def _tell_down(self, why: str) -> None:
        fields = here("authenticate_down")
        _log.error("authenticate is down, so a client has to wait: %s", why, extra=fields)

    async def _answer(self, came: ClientRequest) -> Any:
        authenticate = cast("Callable[[Any], Any]", self._authenticate)
        answer = authenticate(came if self._asks_for_requests else came.token)
        if isawaitable(answer):
            return await within(self._clock, self._seconds, _result(answer))
        return answer


def _is_moment(expires: Any) -> bool:
    if isinstance(expires, int | float) and not isinstance(expires, bool):
        return abs(expires) <= float_info.max  # so it is neither infinite nor an int that is no float
    return expires is None


async def _result(answer: Awaitable[Any]) -> Any:
    return await answer


def without_secrets(came: ClientRequest, text: str) -> str:
    """``text``, unless it quotes a secret of the request, however often that was escaped: errors name their
    cause."""
    bare = _bare(text)
    if any(len(secret) >= LEAST_SECRET_CHARS and _bare(secret) in bare for secret in came.secrets):
        return "(withheld, for it quotes the token)"
    return text


def _asks_for_requests(authenticate: Authenticate) -> bool:
    try:
        return next(iter(signature(authenticate).parameters), None) == "request"
    except (TypeError, ValueError):  # a function that does not say what it takes
        return False


def _bare(text: str) -> str:
    return ascii(text)[1:-1].replace("\\", "")
