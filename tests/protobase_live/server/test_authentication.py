"""Whatever `authenticate` does: who is let in, and what the log says."""

from __future__ import annotations

import asyncio
import logging

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.errors import ProtoBaseError, Unauthorized, Unavailable
from protobase_live.server.authentication import Authentication, Identity
from protobase_live.server.client_request import ClientRequest


async def in_time(token):
    await asyncio.sleep(0)
    return token


async def refuses(token):
    raise Unauthorized("expired")


def fails(token):
    raise KeyError("tokens\nand more")


async def fails_later(token):
    raise PermissionError("no")


async def cancels_itself(token):
    raise asyncio.CancelledError


async def forgets_to_await(token):
    return asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("authenticate", [lambda token: token, in_time])
@pytest.mark.parametrize("author", ["ann", None])
async def test_an_author_or_none_lets_in(authenticate, author):
    assert (await Authentication(authenticate, ManualClock()).identity(author)).author == author


@pytest.mark.parametrize("read_only", [True, False])
async def test_an_identity_says_more_than_the_author(read_only):
    authentication = Authentication(lambda token: Identity(token, read_only), ManualClock())
    assert await authentication.identity("ann") == Identity("ann", read_only)


async def test_an_identity_may_have_an_end():
    clock = ManualClock(1000.0)
    authentication = Authentication(lambda token: Identity("ann", expires=1010), clock)
    assert (await authentication.identity("x")).expires == 1010
    await clock.advance(10)
    with pytest.raises(Unauthorized, match="has expired"):
        await authentication.identity("x")


@pytest.mark.parametrize("expires", ["soon", True, float("nan"), float("inf"), 10**400])
async def test_an_end_is_a_moment(expires):
    with pytest.raises(Unauthorized, match="could not be checked"):
        await Authentication(lambda token: Identity("ann", expires=expires), ManualClock()).identity("x")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"author": 5}, "author"),
        ({"read_only": "no"}, "read_only= takes True or False, not 'no'"),
        ({"expires": "soon"}, "expires= takes a number of seconds since 1970, or None, not 'soon'"),
        ({"expires": 10**400}, "expires= takes a number of seconds"),
        ({"claims": "secret"}, "claims= takes a mapping, not str"),
    ],
)
def test_an_identity_is_checked_where_it_is_made(arguments, says):
    with pytest.raises(ProtoBaseError, match=says):
        Identity(**arguments)


@pytest.mark.parametrize("authenticate", [lambda token: raise_unauthorized(), refuses])
async def test_who_is_refused_is_told_why(authenticate, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(Unauthorized, match="expired"):
        await Authentication(authenticate, ManualClock()).identity("x")
    assert [record.levelname for record in caplog.records] == ["INFO"]


def raise_unauthorized():
    raise Unauthorized("expired")


@pytest.mark.parametrize(
    ("authenticate", "said"),
    [
        (lambda token: False, "False"),
        (lambda token: True, "True"),
        (lambda token: 7, "7"),
        (lambda token: "", "non-empty"),
        (lambda token: "\ud800", "surrogate"),
        (lambda token: "a" * 513, "at most 512"),
        (fails, r"KeyError('tokens\nand more')"),
        (fails_later, "PermissionError('no')"),
        (cancels_itself, "cancelled itself"),
        (forgets_to_await, "Future"),
    ],
)
async def test_everything_else_refuses_with_one_line(authenticate, said, caplog):
    caplog.set_level(logging.INFO)
    with pytest.raises(Unauthorized, match="could not be checked"):
        await Authentication(authenticate, ManualClock()).identity("x")
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.name == "protobase_live.server.authentication"
    assert said in record.getMessage()
    assert record.exc_info is None
    assert "\n" not in record.getMessage()


async def test_one_that_does_not_end_is_down(caplog):
    clock = ManualClock()
    waiting = asyncio.ensure_future(
        Authentication(lambda token: asyncio.Event().wait(), clock, 3.0).identity("x")
    )
    await clock.settle()
    await clock.advance(3.0)
    with pytest.raises(Unavailable):
        await waiting
    assert "no answer within 3 seconds (authenticate_seconds)" in caplog.text


async def test_a_client_that_goes_away_is_no_refusal(caplog):
    waiting = asyncio.ensure_future(
        Authentication(lambda token: asyncio.Event().wait(), clock := ManualClock()).identity("x")
    )
    await clock.settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not caplog.records


async def test_one_that_cannot_ask_is_down(caplog):
    async def asks(token):
        raise Unavailable("the directory is down")

    with pytest.raises(Unavailable, match="the directory is down"):
        await Authentication(asks, ManualClock()).identity("x")
    (record,) = caplog.records
    assert (record.levelname, record.exc_info) == ("ERROR", None)


MARKER = "s3cr3t-m\u00e4rk\u200b'er"


@pytest.mark.parametrize("kind", [Unauthorized, Unavailable, KeyError, ValueError, TimeoutError])
@pytest.mark.parametrize("written", [str, repr])
async def test_a_token_that_an_error_quotes_reaches_nobody(kind, written, caplog):
    def quotes(token):
        raise kind(f"no {written(token)} here") from ValueError(token)

    caplog.set_level(logging.DEBUG)
    with pytest.raises((Unauthorized, Unavailable)) as refused:
        await Authentication(quotes, ManualClock()).identity(MARKER)
    assert len(caplog.records) == 1
    assert refused.value.__cause__ is None
    for text in (caplog.text, str(refused.value)):
        assert "s3cr3t" not in text


async def test_a_token_that_is_returned_as_no_author_reaches_nobody(caplog):
    with pytest.raises(Unauthorized):
        await Authentication(lambda token: [token], ManualClock()).identity(MARKER)
    assert "s3cr3t" not in caplog.text


CAME = ClientRequest(None, "/live", {"cookie": "session=s3cret-session", "x-team": "red"}, "10.0.0.7")


async def test_a_hook_that_asks_for_the_request_is_given_it():
    def authenticate(request):
        return f"{request.token} {request.path} {request.headers['x-team']} {request.address}"

    authentication = Authentication(authenticate, ManualClock())
    assert authentication.request(lambda: CAME) is CAME
    assert (await authentication.identity("t", CAME)).author == "t /live red 10.0.0.7"
    others = Authentication(lambda token: token, ManualClock())
    assert others.request(lambda: CAME) is not CAME


async def test_a_hook_of_requests_that_gives_nothing_lets_nobody_in():
    with pytest.raises(Unauthorized):
        await Authentication(lambda request: None, ManualClock()).identity(None, CAME)


async def test_what_a_request_has_of_secrets_reaches_nobody(caplog):
    def authenticate(request):
        raise KeyError(request.headers["cookie"])

    with pytest.raises(Unauthorized) as refused:
        await Authentication(authenticate, ManualClock()).identity(None, CAME)
    assert "s3cret" not in f"{refused.value} {caplog.text} {CAME!r}"


@pytest.mark.parametrize(
    ("trusted", "address"), [([], "127.0.0.1"), (["127.0.0.0/8"], "2001:db8::7")], ids=["direct", "proxy"]
)
async def test_every_door_tells_the_request(trusted, address):
    seen = []

    def authenticate(request):
        seen.append((request.path, request.headers.get("x-team"), request.address, request.token))
        return "ann"

    headers = {"X-Team": "red", "X-Forwarded-For": "192.0.2.1, 2001:db8::7"}
    options = {"authenticate": authenticate, "trusted_proxies": trusted}
    async with pb.open("memory:") as db, pb.Server(db, port=0, **options) as server:
        where = f"ws://127.0.0.1:{server.port}"
        async with connect(f"{where}/yjs/notes?token=t", additional_headers=headers) as client:
            await client.recv()
        async with connect(f"{where}/hocuspocus", additional_headers=headers) as client:
            await client.send(b"\x05notes\x02\x00\x01t")
            await client.recv()
        live = [Subprotocol("protobase-live.v1.json")]
        async with connect(f"{where}/live", additional_headers=headers, subprotocols=live) as client:
            await client.send('{"type": "hello", "version": 1, "token": "t"}')
            await client.recv()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        asked = f"GET /api/v1/collections HTTP/1.1\r\nHost: localhost\r\n{told}"
        writer.write(f"{asked}Authorization: Bearer t\r\n\r\n".encode())
        assert b"200" in await reader.readline()
        writer.close()
    paths = ["/yjs/notes", "/hocuspocus", "/live", "/api/v1/collections"]
    assert seen == [(path, "red", address, "t") for path in paths]
