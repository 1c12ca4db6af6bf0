"""Many documents on one Hocuspocus socket, whose tokens are looked at, or cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.server import Server
from tests.support.hocuspocus import AUTH, READ_WRITE, STEP1, STORED, Client, an_update, client_of

CLOSE = b"\x07"


def token(name: str) -> bytes:
    """An auth message."""
    return b"\x02\x00" + prefixed(name.encode())


def denied(reason: str) -> bytes:
    return hocuspocus.encode_permission_denied(reason)


class Directory:
    """Knows whose a token is, when it is asked to say so."""

    def __init__(self) -> None:
        self.asked: list[str | None] = []
        self.down: set[str | None] = set()
        self.expires: float | None = None
        self.answers = asyncio.Event()
        self.answers.set()
        self._changed = asyncio.Condition()

    async def authenticate(self, token: str | None) -> pb.Identity:
        self.asked.append(token)
        async with self._changed:
            self._changed.notify_all()
        await self.answers.wait()
        if token in self.down:
            raise pb.Unavailable("the directory is down")
        if token == "bad":
            raise pb.Unauthorized("no")
        return pb.Identity(token, expires=self.expires)

    async def until_asked(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.asked) >= count)


@asynccontextmanager
async def serving(directory: Directory, **settings) -> AsyncIterator[tuple[pb.Database, Server]]:
    """Stuck nowhere for more than some seconds."""
    async with (
        asyncio.timeout(20),
        pb.open("memory:") as db,
        Server(db, port=0, authenticate=directory.authenticate, **settings) as server,
    ):
        yield db, server


async def hear_all(client: Client, names: set[str], message: bytes) -> None:
    """Wait until each of the documents was told so."""
    missing = set(names)
    while missing:
        name, told = await client.hear()
        if told == message:
            missing.discard(name)


async def ping(client: Client) -> None:
    """What was said is taken."""
    await client.say_raw(hocuspocus.PING_FRAME)
    assert await client.hear() == ("", hocuspocus.PONG_FRAME)


async def test_any_number_of_documents_is_opened_at_once():
    limits = pb.ServerLimits(undecided_documents=2)
    async with serving(Directory(), limits=limits) as (_, server), client_of(server) as client:
        names = {f"notes{n}" for n in range(20)}
        for name in names:
            await client.say(name, AUTH, STEP1)
        await hear_all(client, names, READ_WRITE)


async def test_what_waits_for_a_place_comes_in_its_order():
    directory = Directory()
    directory.answers.clear()
    limits = pb.ServerLimits(undecided_documents=1)
    async with (
        serving(directory, limits=limits) as (db, server),
        client_of(server) as client,
        db.changes("two") as changes,
    ):
        await client.say("one", AUTH)
        await directory.until_asked(1)
        await client.say("two", AUTH, yjs.encode_update(an_update("a")), CLOSE)
        await client.say("one", yjs.encode_update(an_update("b")))
        directory.answers.set()
        await client.hear_until("one", STORED)
        assert (await anext(aiter(changes))).author == "secret"


async def test_any_number_of_tokens_is_renewed_at_once():
    directory, limits = Directory(), pb.ServerLimits(undecided_documents=2)
    async with serving(directory, limits=limits) as (_, server), client_of(server) as client:
        names = {f"notes{n}" for n in range(10)}
        for name in names:
            await client.open(name)
        directory.answers.clear()
        for name in names:
            await client.say(name, AUTH)
        await client.say("notes0", yjs.encode_update(an_update("a")))
        assert await client.hear() == ("notes0", STORED), "it is heard meanwhile"
        assert len(directory.asked) == len(names) + 2, "so many are looked at at once"
        directory.answers.set()
        await hear_all(client, names, READ_WRITE)


async def test_a_document_that_cannot_be_decided_for_now_is_tried_again_and_harms_no_other():
    directory, clock = Directory(), ManualClock()
    directory.down.add("ann")
    async with serving(directory, clock=clock) as (_, server), client_of(server) as client:
        await client.say("notes", token("ann"), STEP1)
        await client.open("other")
        await client.say("other", yjs.encode_update(an_update("a")))
        assert await client.hear() == ("other", STORED)
        for count, pause in ((2, 1), (3, 2), (4, 4)):
            await clock.advance(pause - 0.1)
            assert directory.asked.count("ann") == count - 1
            await clock.advance(0.1)
            assert directory.asked.count("ann") == count
        directory.down.clear()
        await clock.advance(8)
        assert await client.hear() == ("notes", READ_WRITE)
        await client.hear_until("notes", yjs.encode_step2(b"\x00\x00"))


async def test_where_others_wait_for_what_cannot_be_decided_the_socket_is_to_come_back():
    directory, clock = Directory(), ManualClock()
    directory.down.add("ann")
    limits = pb.ServerLimits(undecided_documents=1)
    async with serving(directory, clock=clock, limits=limits) as (_, server), client_of(server) as client:
        await client.say("notes", token("ann"))
        await directory.until_asked(1)
        await clock.settle()
        await client.say("other", AUTH)
        assert await client.end() == (1013, "the directory is down"), (
            "without a pause: the clock stands still"
        )


async def test_what_waits_for_what_cannot_be_decided_is_not_lost_when_the_socket_ends_for_that():
    directory = Directory()
    limits = pb.ServerLimits(undecided_documents=1)
    async with (
        serving(directory, limits=limits) as (db, server),
        db.changes("open") as opened,
        db.changes("two") as two,
        client_of(server) as client,
    ):
        await client.open("open")
        directory.answers.clear()
        directory.down.add("ann")
        await client.say("one", token("ann"))
        await directory.until_asked(2)
        await client.say("two", AUTH, yjs.encode_update(an_update("a")))
        await client.say("open", yjs.encode_update(an_update("b")))
        await ping(client)
        directory.answers.set()
        assert (await anext(aiter(opened))).author == "secret"
        assert (await anext(aiter(two))).author == "secret"
        assert await client.end() == (1013, "the directory is down")


async def test_a_renewal_that_cannot_be_decided_for_now_leaves_what_is_open_until_its_end():
    directory, clock = Directory(), ManualClock(1000.0)
    directory.expires = 1100.0
    async with serving(directory, clock=clock) as (_, server), client_of(server) as client:
        await client.open("notes")
        directory.down.add("secret")
        await client.say("notes", AUTH, yjs.encode_update(an_update("a")))
        assert await client.hear() == ("notes", STORED)
        await clock.advance(60)
        await client.say("notes", yjs.encode_update(an_update("b")))
        assert await client.hear() == ("notes", STORED)
        await clock.advance(40)
        assert (await client.end())[0] == 3000


async def test_a_newer_token_counts_when_the_older_one_is_refused():
    directory = Directory()
    directory.answers.clear()
    async with serving(directory) as (_, server), client_of(server) as client:
        await client.say("notes", token("bad"), STEP1)
        await directory.until_asked(1)
        await client.say("notes", token("good"))
        directory.answers.set()
        assert await client.hear() == ("notes", denied("no"))
        assert await client.hear() == ("notes", READ_WRITE)
        await client.hear_until("notes", yjs.encode_step2(b"\x00\x00"))
        directory.answers.clear()
        await client.say("notes", token("bad"), token("good"), yjs.encode_update(an_update("a")))
        assert await client.hear() == ("notes", STORED)
        directory.answers.set()
        assert await client.hear() == ("notes", READ_WRITE), "an open document goes on until the last answer"
        await client.say("notes", token("bad"))
        assert await client.hear() == ("notes", denied("no"))


async def test_what_is_written_before_the_decision_is_stored_when_its_client_leaves_then():
    for leaves_socket in (False, True):
        directory = Directory()
        async with serving(directory) as (db, server), db.changes("notes") as changes:
            async with client_of(server) as client:
                await client.open("other")
                directory.answers.clear()
                await client.say("notes", AUTH, STEP1, yjs.encode_update(an_update("a")))
                if not leaves_socket:
                    await client.say("notes", CLOSE)
                    await directory.until_asked(2)
                    directory.answers.set()
                    await ping(client)
                await directory.until_asked(2)
            directory.answers.set()
            assert (await anext(aiter(changes))).author == "secret"


async def test_a_server_that_stops_leaves_no_decision_behind():
    directory, clock = Directory(), ManualClock()
    directory.answers.clear()
    async with serving(directory, clock=clock) as (_, server), client_of(server) as client:
        await client.say("notes", AUTH, yjs.encode_update(an_update("a")))
        await directory.until_asked(1)
        closing = asyncio.ensure_future(server.close())
        while not closing.done():
            await clock.advance(1)
        await clock.settle()
        assert not [task for task in asyncio.all_tasks() if "HocuspocusDecisions" in repr(task)]


async def test_documents_are_opened_no_faster_than_sockets():
    clock = ManualClock()
    limits = pb.ServerLimits(handshakes_per_second=10, handshakes_at_once=2)
    async with serving(Directory(), clock=clock, limits=limits) as (_, server), client_of(server) as client:
        for n in range(4):
            await client.say(f"notes\0{n}", AUTH)
        for n in range(2):
            assert await client.hear() == (f"notes\0{n}", READ_WRITE)
        await ping(client)
        await clock.advance(0.12)
        assert await client.hear() == ("notes\0" + "2", READ_WRITE)
        await ping(client)
        await client.say("notes\0" + "0", AUTH)
        assert await client.hear() == ("notes\0" + "0", READ_WRITE), "who is in waits for nobody"
        await clock.advance(0.12)
        assert await client.hear() == ("notes\0" + "3", READ_WRITE)


async def test_an_author_with_too_many_connections_is_refused_alone():
    limits = pb.ServerLimits(identity_connections=1)
    async with serving(Directory(), limits=limits) as (_, server), client_of(server) as bob:
        await bob.say("b", token("bob"))
        assert await bob.hear() == ("b", READ_WRITE)
        async with client_of(server) as client:
            await client.say("a", token("ann"))
            assert await client.hear() == ("a", READ_WRITE)
            await client.say("b", token("bob"))
            name, told = await client.hear()
            assert (name, told[:2]) == ("b", b"\x02\x01")
            assert b"4429" in told
            await client.say("a", yjs.encode_update(an_update("a")))
            assert await client.hear() == ("a", STORED)
