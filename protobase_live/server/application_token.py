"""Which token a client of an application has, as the application knows it. Whatever else it does refuses."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from protobase_live.errors import Unauthorized, Unavailable
from protobase_live.server.asgi_types import Scope
from protobase_live.server.asked import asked_for
from protobase_live.server.authentication import without_secrets
from protobase_live.server.client_request import ClientRequest
from protobase_live.server.connection_log import here
from protobase_live.server.rest.request import request_of_scope

Token = Callable[[Scope], str | None]
"""Says which token a request or connection has, of which ASGI tells so much. It raises Unauthorized to refuse
the client, with a message for it, and Unavailable when that cannot be found out now: the client comes back
then. Whatever else it raises refuses, too.
"""

_log = logging.getLogger(__name__)


class ApplicationToken:
    """A `Token` that can be trusted to give one or raise Unauthorized or Unavailable, and to keep what a
    request has of secrets out of the log and of errors."""

    def __init__(self, find: Token) -> None:
        self._find = find

    def __call__(self, scope: Scope) -> str | None:
        """See `Token`. Raises Unauthorized and Unavailable."""
        try:
            return self._find(scope)
        except Unauthorized as error:
            said = without_secrets(_came(scope), str(error))
            _log.info("refused a client: %r", said, extra=here("client_refused"))
            raise Unauthorized(said) from None  # its cause may quote the token
        except Unavailable as error:
            said = without_secrets(_came(scope), str(error))
            _log.error("token= is down, so a client has to wait: %r", said, extra=here("authenticate_down"))
            raise Unavailable(said) from None
        except Exception as error:
            said, fields = without_secrets(_came(scope), repr(error)), here("authenticate_failed")
            _log.error("token= failed, so a client was refused: %s", said, extra=fields)
            raise Unauthorized("who this client is could not be found out") from None


def _came(scope: Scope) -> ClientRequest:
    """The request, with the token that it came with."""
    query = scope.get("query_string", b"").decode("latin-1")
    asked = asked_for("", query, list(scope.get("subprotocols", ())), None)
    return replace(request_of_scope(scope), token=asked.token)
