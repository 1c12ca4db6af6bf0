"""Who a client is: what the program's `Authenticate` says of its token. Whatever else it does refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any

from protobase_actors import Clock, within
from protobase_live.errors import InvalidName, Unauthorized
from protobase_live.model.names import check_author
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS

Authenticate = Callable[[str | None], str | Awaitable[str | None] | None]
"""Turns a client's token (None if it has none) into the author of its commits; it may be async.

None as the author lets the client name one. It raises Unauthorized to refuse the client, with a message for
it; whatever else it raises or gives refuses, too.
"""

_log = logging.getLogger(__name__)


def anonymous(token: str | None) -> None:
    """The `Authenticate` that lets everybody in; commits keep the author that their clients name."""


class Authentication:
    """An `Authenticate` that can be trusted to end, and to give an author or raise Unauthorized."""

    def __init__(
        self,
        authenticate: Authenticate,
        clock: Clock,
        seconds: float = DEFAULT_SERVER_LIMITS.authenticate_seconds,
    ) -> None:
        """After ``seconds`` without an answer the client is refused."""
        self._authenticate = authenticate
        self._clock = clock
        self._seconds = seconds

    async def author(self, token: str | None) -> str | None:
        """The author of the commits of who has this token, None if it may name one. Raises Unauthorized."""
        try:
            return check_author(await self._answer(token))
        except Unauthorized as error:
            _log.info("refused a client: %r", str(error))
            raise
        except InvalidName as error:
            mistake = f"it has to return a str or None: {error}"
        except TimeoutError:
            mistake = f"no answer within {self._seconds:g} seconds (authenticate_seconds)"
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            mistake = "it cancelled itself"
        except Exception as error:
            mistake = repr(error)
        _log.error("authenticate failed, so a client was refused: %s", mistake)
        raise Unauthorized("the token could not be checked")

    async def _answer(self, token: str | None) -> Any:
        answer = self._authenticate(token)
        if isawaitable(answer):
            return await within(self._clock, self._seconds, _result(answer))
        return answer


async def _result(answer: Awaitable[Any]) -> Any:
    return await answer


def _is_cancelled() -> bool:
    """Whether the running task is asked to end, and not something that it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
