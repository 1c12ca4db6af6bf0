"""The token of a client: always the same, or a fresh one each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from protobase_actors import is_cancelled
from protobase_live.errors import ProtoBaseError, Unavailable, ValidationError
from protobase_live.model.arguments import is_text

Token = str | Callable[[], str | Awaitable[str | None] | None] | None
"""What a client says who it is with, or a function, plain or async, that gives a fresh one."""


class TokenFailed(Unavailable):
    """The function that gives a token failed; the cause says how. Its words may quote a secret, and are not
    told on."""


class Tokens:
    """Gives them."""

    def __init__(self, token: Token) -> None:
        self._token = token

    @property
    def can_be_fresh(self) -> bool:
        """Whether another one may be given than the last time."""
        return callable(self._token)

    async def get(self) -> str | None:
        """A token, None for none.

        Raises what the function raises of this package, ValidationError for what is no token, and TokenFailed
        for any other failure.
        """
        try:
            token: Any = self._token() if callable(self._token) else self._token
            if isawaitable(token):
                token = await token
        except ProtoBaseError:
            raise
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelled():
                raise
            raise TokenFailed(f"the function that gives a token failed: {type(error).__name__}") from error
        if token is not None and not isinstance(token, str):
            raise ValidationError(f"a token is a str or None, not {type(token).__name__}")
        if token is not None and not is_text(token):
            raise ValidationError("a token has a lone surrogate; use well-formed Unicode")
        return token
