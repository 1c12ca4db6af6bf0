"""Keys behind a URL, given out by a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from websockets.asyncio.client import connect

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.errors import Unauthorized, Unavailable, ValidationError
from protobase_live.server.json_web_tokens import Jwt
from protobase_live.server.limits import ServerLimits
from tests.support.key_server import KeyServer, key_server

LIMITS = ServerLimits()
KEYS = {name: RSAKey.generate_key(2048, {"kid": name}) for name in "ab"}


def public(name: str) -> dict:
    return dict(KEYS[name].as_dict(private=False))


def token(name: str, exp: int = 2_000_000, **header: str) -> str:
    head = {"alg": "RS256", "kid": name, **header}
    return jwt.encode(head, {"sub": "ann", "exp": exp}, KEYS[name], ["RS256"])


@pytest.fixture
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        server.give(public("a"))
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000.0)


@pytest.fixture
def make(keys: KeyServer, clock: ManualClock):
    def make(limits: ServerLimits = LIMITS) -> Jwt:
        return Jwt(keys.url, ["RS256"], clock=clock, limits=limits)

    return make


async def author(accepts: Jwt, token: str) -> str | None:
    answer = accepts(token)
    assert not isinstance(answer, pb.Identity)
    return (await answer).author


async def test_keys_are_fetched_once_and_kept(keys, make):
    accepts = make()
    assert keys.asked == 0
    assert await asyncio.gather(*(author(accepts, token("a")) for _ in range(5))) == ["ann"] * 5
    assert await author(accepts, token("a")) == "ann"
    assert keys.asked == 1
    with pytest.raises(Unauthorized, match="bad_signature"):
        await author(accepts, token("b", kid="a"))
    assert keys.asked == 1


async def test_a_key_that_is_not_known_is_fetched_but_not_for_everybody_who_names_one(keys, make, clock):
    accepts = make()
    await author(accepts, token("a"))
    keys.give(public("a"), public("b"))
    with pytest.raises(Unavailable, match="a moment ago"):
        await author(accepts, token("b"))
    await clock.advance(LIMITS.jwks_retry_seconds)
    assert await author(accepts, token("b")) == "ann"
    assert await author(accepts, token("a")) == "ann"
    assert keys.asked == 2
    for _ in range(10):
        with pytest.raises(Unavailable, match="a moment ago"):
            await author(accepts, token("a", kid="made up"))
    assert keys.asked == 2
    await clock.advance(LIMITS.jwks_retry_seconds)
    with pytest.raises(Unauthorized, match="a key that is not known"):
        await author(accepts, token("a", kid="made up"))
    assert keys.asked == 3


async def test_keys_grow_old_and_are_used_until_there_are_newer_ones(keys, make, clock):
    accepts = make()
    await author(accepts, token("a"))
    keys.give(public("b"))
    keys.gate.clear()
    await clock.advance(LIMITS.jwks_age_seconds)
    assert await author(accepts, token("a")) == "ann"
    keys.gate.set()
    await accepts._keys._fetching
    assert await author(accepts, token("b")) == "ann"
    with pytest.raises(Unavailable):
        await author(accepts, token("a"))
    assert keys.asked == 2


async def test_keys_are_kept_when_they_cannot_be_fetched_again(keys, make, clock, caplog):
    accepts = make()
    await author(accepts, token("a"))
    for status, body in ((500, b"{}"), (200, b"not JSON"), (200, b'{"keys": []}'), (200, b"[" * 100_000)):
        keys.status, keys.body = status, body
        await clock.advance(LIMITS.jwks_retry_seconds)
        with pytest.raises(Unavailable, match="cannot be fetched now"):
            await author(accepts, token("b"))
        assert await author(accepts, token("a")) == "ann"
    assert caplog.text.count("those that are known are kept") == 4
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (404, {}, b""),
        (302, {"Location": "/keys"}, b""),
        (200, {}, json.dumps({"keys": [public("a")]}).encode() + b" " * LIMITS.jwks_bytes),
        (200, {}, b"{" * 50_000),
    ],
)
async def test_what_gives_no_keys_at_first_is_down(keys, make, clock, status, headers, body):
    accepts = make()
    keys.status, keys.headers, keys.body = status, headers, body
    with pytest.raises(Unavailable, match="cannot be fetched now"):
        await author(accepts, token("a"))
    with pytest.raises(Unavailable, match="a moment ago"):
        await author(accepts, token("a"))
    assert keys.asked == 1
    keys.status, keys.headers = 200, {}
    keys.give(public("a"))
    await clock.advance(LIMITS.jwks_retry_seconds)
    assert await author(accepts, token("a")) == "ann"


async def test_what_does_not_answer_holds_up_nobody_else_and_is_not_asked_again_meanwhile(keys, make, clock):
    accepts = make()
    keys.gate.clear()
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    keys.heard = lambda: loop.call_soon_threadsafe(asked.set)
    waiting = asyncio.ensure_future(author(accepts, token("a")))
    await asked.wait()  # for ever, if the event loop waited for the answer
    await clock.advance(LIMITS.jwks_seconds)
    with pytest.raises(Unavailable, match="cannot be fetched now"):
        await waiting
    await clock.advance(10 * LIMITS.jwks_retry_seconds)
    later = asyncio.ensure_future(author(accepts, token("a")))
    await clock.settle()
    assert keys.asked == 1
    keys.gate.set()
    assert await later == "ann"


@pytest.mark.parametrize(
    ("url", "algorithm", "said"),
    [
        ("http://login.example.com/keys", "RS256", "https://"),
        ("ftp://127.0.0.1/keys", "RS256", "https://"),
        ("file:///etc/keys", "RS256", "https://"),
        ("https://", "RS256", "https://"),
        ("https://[", "RS256", "https://"),
        ("https://login.example.com/keys", "HS256", "a secret is not fetched"),
    ],
)
def test_where_keys_are_fetched_from(url, algorithm, said):
    with pytest.raises(ValidationError, match=said):
        Jwt(url, [algorithm])


async def test_a_server_whose_maker_of_tokens_is_down_tells_clients_to_come_back(keys, caplog):
    caplog.set_level(logging.DEBUG, "protobase_live")
    keys.status = 503
    accepts, good = Jwt(keys.url, ["RS256"]), token("a", exp=4_000_000_000)
    async with pb.open("memory:") as db, pb.Server(db, port=0, authenticate=accepts) as server:
        async with connect(f"ws://127.0.0.1:{server.port}/yjs/tasks?token={good}") as client:
            await client.wait_closed()
            assert client.close_code == 1013
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        asked = f"GET /api/v1/collections HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {good}\r\n\r\n"
        writer.write(asked.encode())
        assert b"503" in await reader.readline()
        writer.close()
    assert good not in caplog.text
