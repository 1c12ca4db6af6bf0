"""Tokens that end: what a client says who it is with, and when it asks for another one."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from protobase_actors import ManualClock
from protobase_live.client.tokens import Tokens
from protobase_live.errors import Unauthorized, Unavailable, ValidationError
from protobase_live.query.language.query import Query
from protobase_live.server.authentication import Identity
from tests.protobase_live.client.test_remote_database import LIMITS, Net, echo

later = partial(asyncio.sleep, 0)

SECONDS = 100.0
"""How long a token is good."""


class Issuer:
    """Gives out tokens, and says of the server's clients what they are worth."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.given = 0
        self.failure: BaseException | None = None
        self.seen: list[str | None] = []

    async def fresh(self) -> str:
        await asyncio.sleep(0)
        self.given += 1
        if self.failure is not None:
            raise self.failure
        return f"{self.given} {self.clock.time() + SECONDS}"

    def authenticate(self, token: str | None) -> Identity:
        self.seen.append(token)
        if token is None:
            raise Unauthorized("a token is needed")
        return Identity("ann", expires=float(token.split()[1]))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1_000_000.0)


@pytest.fixture
def issuer(clock: ManualClock) -> Issuer:
    return Issuer(clock)


class GuardedNet(Net):
    """A network whose server takes the tokens of an issuer."""

    def __init__(self, clock: ManualClock, issuer: Issuer) -> None:
        self.issuer = issuer
        super().__init__(clock)

    def authenticate(self, token):
        return self.issuer.authenticate(token)


@pytest.fixture
async def net(clock, issuer):
    net = GuardedNet(clock, issuer)
    yield net
    if net.serving:
        await asyncio.wait(net.serving)


@pytest.mark.parametrize(
    ("token", "given"),
    [("a", "a"), (None, None), (lambda: "b", "b"), (lambda: None, None), (lambda: later("c"), "c")],
)
async def test_a_token_or_what_gives_one(token, given):
    assert await Tokens(token).get() == given
    assert Tokens(token).can_be_fresh == callable(token)


async def test_a_function_that_fails_is_not_quoted():
    def fails():
        raise KeyError("s3cret")

    with pytest.raises(Unavailable, match="KeyError") as failed:
        await Tokens(fails).get()
    assert "s3cret" not in str(failed.value)
    with pytest.raises(ValidationError, match="not bytes"):
        await Tokens(lambda: b"a").get()


async def test_a_token_that_cannot_be_sent_is_not_quoted(net):
    with pytest.raises(ValidationError, match=r"^a token has a lone surrogate; use well-formed Unicode$"):
        await net.connect(token="s3cret \ud800")


async def test_a_fresh_token_is_presented_before_the_end_and_everything_goes_on(net, clock, issuer):
    async with net.connect(token=issuer.fresh) as db, db.live(Query("tasks")) as live:
        for _ in range(20):
            await clock.advance(50.0)
            assert await echo(db, 1) == 1
        assert len(net.ends) == 1
        assert issuer.given == len(issuer.seen) > 10
        assert live.rows == []


async def test_a_token_that_stays_the_same_ends_everything(net, clock, issuer):
    async with net.connect(token=await issuer.fresh()) as db:
        await clock.advance(SECONDS)
        with pytest.raises(Unauthorized, match="the token has expired"):
            await echo(db, 1)
    assert len(net.dials) == 1


async def test_without_a_fresh_token_in_time_the_next_connection_begins_with_one(net, clock, issuer, caplog):
    async with net.connect(token=issuer.fresh) as db:
        issuer.failure = ConnectionError("the maker of tokens is down")
        await clock.advance(SECONDS)
        assert "the token was not renewed: the function that gives a token failed" in caplog.text
        issuer.failure = None
        reading = asyncio.ensure_future(echo(db, 1))
        await clock.advance(15.0)
        assert await reading == 1
        assert len(net.ends) == 2


async def test_a_function_that_fails_at_first_is_told_at_once(net, clock, issuer):
    issuer.failure = ZeroDivisionError("with a secret")
    with pytest.raises(Unavailable) as caught:
        await net.connect(token=issuer.fresh).__aenter__()
    assert str(caught.value) == "the function that gives a token failed: ZeroDivisionError"
    assert caught.value.__cause__ is issuer.failure
    assert (issuer.given, net.dials) == (1, [])


async def test_a_function_that_fails_later_is_asked_again_and_told_of_once(net, clock, issuer, caplog):
    async with net.connect(token=issuer.fresh) as db:
        for _ in range(2):
            caplog.clear()
            issuer.failure, before = ConnectionError("with a secret"), issuer.given
            await net.cut()
            await clock.advance(5.0)
            assert issuer.given > before + 1
            told = "no connection without a token: the function that gives a token failed: ConnectionError"
            assert caplog.messages == [told]
            issuer.failure = None
            await clock.advance(15.0)
            assert await echo(db, 1) == 1


async def test_a_function_that_waits_for_what_is_cancelled_elsewhere_has_failed(net, clock, issuer):
    async with net.connect(token=issuer.fresh) as db:
        issuer.failure = asyncio.CancelledError()
        await net.cut()
        await clock.advance(5.0)
        issuer.failure = None
        reading = asyncio.ensure_future(echo(db, 1))
        await clock.advance(15.0)
        assert reading.done()
    issuer.failure = asyncio.CancelledError()
    with pytest.raises(Unavailable, match="a token failed: CancelledError"):
        await net.connect(token=issuer.fresh)


async def test_a_link_that_something_cancels_fails_its_calls_at_once(net, clock, issuer):
    db = await net.connect(token=issuer.fresh)
    net.down, net.loss = True, asyncio.CancelledError()
    await net.cut()
    reading = asyncio.ensure_future(echo(db, 1))
    await clock.advance(LIMITS.max_backoff_seconds)
    assert reading.done()
    with pytest.raises(Unavailable, match="the client failed: CancelledError"):
        await reading
    await db.close()


async def test_who_gives_a_token_may_be_down_at_first(net, clock, issuer):
    issuer.failure = Unavailable("down")
    connecting = asyncio.ensure_future(net.connect(token=issuer.fresh).__aenter__())
    await clock.advance(1.0)
    assert issuer.given > 1
    assert net.dials == []
    issuer.failure = None
    await clock.advance(2.0)
    await (await connecting).close()


async def test_who_gives_no_token_for_good_is_not_asked_again(net, issuer):
    issuer.failure = Unauthorized("log in again")
    with pytest.raises(Unauthorized, match="log in again"):
        await net.connect(token=issuer.fresh).__aenter__()
    assert issuer.given == 1


async def test_closing_while_a_token_is_asked_for(net, clock, issuer):
    asked = asyncio.Event()

    async def slow():
        if asked.is_set() or not issuer.given:
            return await issuer.fresh()
        asked.set()
        return await asyncio.Event().wait()

    async with net.connect(token=slow):
        await clock.advance(80.0)
        assert asked.is_set()
    await clock.settle()
