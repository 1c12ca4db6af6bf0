"""Whatever `token=` of `pb.asgi` does: what the client is told, and what the log says."""

from __future__ import annotations

import logging

import pytest

from protobase_live.errors import Forbidden, Unauthorized, Unavailable
from protobase_live.server.application_token import ApplicationToken
from protobase_live.server.asgi_types import Scope
from tests.support.asgi_client import scope_of

SECRET = "s3cret-session"
SCOPES = [
    scope_of("GET", "/yjs/notes", {"cookie": f"session={SECRET}"}),
    scope_of("GET", "/yjs/notes", {"authorization": f"Bearer {SECRET}"}),
    scope_of("GET", f"/yjs/notes?token={SECRET}", {}),
]


@pytest.mark.parametrize("told", ["ann's", None])
def test_what_the_application_tells(told: str | None) -> None:
    assert ApplicationToken(lambda scope: told)(SCOPES[0]) == told


@pytest.mark.parametrize("kind", [Unauthorized, Unavailable])
def test_who_is_refused_is_told_why(kind, caplog) -> None:
    def token(scope: Scope) -> str:
        raise kind("log in first")

    caplog.set_level(logging.INFO)
    with pytest.raises(kind, match="log in first"):
        ApplicationToken(token)(SCOPES[0])
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("INFO" if kind is Unauthorized else "ERROR", None)


@pytest.mark.parametrize("error", [KeyError("session\nand more"), Forbidden("no"), TypeError("no")])
def test_everything_else_refuses_with_one_line(error, caplog) -> None:
    def token(scope: Scope) -> str:
        raise error

    with pytest.raises(Unauthorized, match="could not be found out"):
        ApplicationToken(token)(SCOPES[0])
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("ERROR", None)
    assert repr(error) in record.getMessage()
    assert "\n" not in record.getMessage()


@pytest.mark.parametrize("kind", [Unauthorized, Unavailable, KeyError])
@pytest.mark.parametrize("scope", SCOPES, ids=["cookie", "header", "address"])
def test_what_a_request_has_of_secrets_reaches_nobody(kind, scope, caplog) -> None:
    def token(scope: Scope) -> str:
        raise kind(f"no {SECRET} here") from ValueError(SECRET)

    caplog.set_level(logging.DEBUG)
    with pytest.raises((Unauthorized, Unavailable)) as refused:
        ApplicationToken(token)(scope)
    assert len(caplog.records) == 1
    assert refused.value.__cause__ is None
    assert SECRET not in f"{refused.value} {caplog.text}"
