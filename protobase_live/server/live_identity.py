"""Who the client of a live connection is: by the token of its hello, and by those that renew it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from protobase_actors import Clock
from protobase_live.errors import Forbidden, Unauthorized, Unavailable
from protobase_live.protocol.live.client_messages import Hello
from protobase_live.protocol.live.codec import Frame
from protobase_live.protocol.live.limits import (
    BAD_MESSAGE,
    FORBIDDEN,
    LATE,
    TRY_AGAIN,
    UNAUTHORIZED,
    LiveLimits,
)
from protobase_live.protocol.live.server_session import ServerSession
from protobase_live.protocol.live.violation import Violation
from protobase_live.server.authentication import Authentication, Identity
from protobase_live.server.authority import Authority
from protobase_live.server.client_request import ClientRequest
from protobase_live.server.expiry import ENDED, Expiry
from protobase_live.server.live_streams import Work
from protobase_live.server.live_wire import LiveWire


class LiveIdentity:
    """That of one connection."""

    def __init__(
        self,
        connection: LiveWire,
        session: ServerSession,
        authentication: Authentication,
        authority: Authority,
        clock: Clock,
        limits: LiveLimits,
        send: Callable[[Frame], Coroutine[Any, Any, None]],
        start: Callable[[Work[None]], object],
        token: str | None,
        request: ClientRequest,
    ) -> None:
        """``start`` starts a task of the connection. ``token`` is known of the client; without it that is
        what it says, beside ``request``.
        """
        self._connection = connection
        self._session = session
        self._authentication = authentication
        self._authority = authority
        self._clock = clock
        self._limits = limits
        self._send = send
        self._start = start
        self._token = token
        self._request = request
        self._expiry = Expiry(clock, self._expire, self._warn, limits.expiry_warning_seconds)
        self.author: str | None = None
        """Who has written what it writes; None: whom it names."""

    @property
    def over(self) -> bool:
        """Whether its token has ended."""
        return self._expiry.over

    def close(self) -> None:
        """Forget when its token ends."""
        self._expiry.cancel()

    async def identify(self) -> Identity:
        """Who it is by its hello.

        Raises Violation for who is not let in, or says something else, and ConnectionClosed.
        """
        seconds = self._limits.hello_seconds
        late = partial(self._connection.close, LATE, f"no hello within {seconds:g} seconds")
        timer = self._clock.call_later(seconds, lambda: self._start(late))
        try:
            hello = self._session.receive(await self._connection.recv())
        finally:
            timer.cancel()
        if not isinstance(hello, Hello):
            raise Violation(BAD_MESSAGE, "the first message has to be hello")
        try:
            identity = await self._authentication.identity(self._token or hello.token, self._request)
            self._authority.begin(identity)
        except (Unauthorized, Forbidden) as error:
            await self._connection.send(self._session.refused(error))
            code = FORBIDDEN if isinstance(error, Forbidden) else UNAUTHORIZED
            raise Violation(code, str(error)) from error
        except Unavailable as error:
            raise Violation(TRY_AGAIN, str(error)) from error
        self.author = identity.author
        return identity

    async def welcome(self, identity: Identity) -> None:
        """It is let in, for as long as its token is good."""
        self._connection.allow(self._limits.message_bytes)
        await self._connection.send(self._session.welcome())
        self._expiry.set(identity.expires)

    async def renew(self, token: str | None) -> None:
        """Go on with another token of the same author; what that still allows stays as it is.

        Raises Unauthorized, Forbidden and Unavailable: then the connection ends with the token that it had.
        """
        if self._token is not None:
            raise Unauthorized("the application says who this client is: connect again")
        identity = await self._authentication.identity(token, self._request)
        if identity.author != self.author:
            raise Unauthorized("the token is not of the author who has this connection: connect again")
        self._expiry.set(identity.expires)  # at once: other tokens may come while it is asked about this one
        await self._authority.renew(identity)

    def _expire(self) -> None:
        self._start(partial(self._connection.close, UNAUTHORIZED, ENDED))

    def _warn(self, seconds: float) -> None:
        self._start(partial(self._send, self._session.expiring(seconds)))
