"""What a client says at the Hocuspocus door that a stock provider does not, and what it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pycrdt import Doc, Map, Text

import protobase_live as pb
from protobase_actors import ManualClock, SystemClock
from protobase_live.database.database import Database
from protobase_live.errors import CollectionUnloadable
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.awareness import Entry, encode_entries
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.authentication import Authentication, anonymous
from protobase_live.server.counters import Counters
from protobase_live.server.hocuspocus_door import HocuspocusDoor
from protobase_live.server.limits import ServerLimits
from protobase_live.server.server import Server
from protobase_live.server.yjs_clients import YjsClients
from protobase_storage import MemoryStorage
from tests.support.hocuspocus import (
    AUTH,
    READ_ONLY,
    READ_WRITE,
    STEP1,
    STORED,
    Client,
    an_update,
    client_of,
)
from tests.support.wire import Wire, client_frame


class GatedStorage(MemoryStorage):
    """Nothing is durable while the gate is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    def append(self, commits):
        return asyncio.ensure_future(self._append(commits))

    async def _append(self, commits) -> None:
        self.asked.set()
        await self.gate.wait()
        await super().append(commits)


@asynccontextmanager
async def serving(
    limits: ServerLimits | None = None, storage: GatedStorage | None = None, **settings
) -> AsyncIterator[Server]:
    """A server that is stuck nowhere for more than some seconds."""
    async with asyncio.timeout(20):
        async with (
            Database(storage or MemoryStorage()) as database,
            Server(database, port=0, limits=limits or ServerLimits(), **settings) as server,
        ):
            try:
                yield server
            finally:
                if storage is not None:
                    storage.gate.set()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving() as server, client_of(server) as client:
        yield client


async def test_a_document_is_synced_both_ways_each_time(client: Client):
    await client.open("notes")
    await client.say("notes", yjs.encode_step2(an_update("a")))
    assert await client.hear() == ("notes", STORED)
    await client.say("notes", STEP1)
    asked = (await client.hear())[1]
    assert asked[:2] == b"\x00\x00"
    assert len(asked) > len(STEP1)
    assert (await client.hear())[1][:2] == b"\x00\x01"


async def test_any_path_below_the_door_and_none_beside_it():
    async with serving() as server:
        for path in ("/hocuspocus/", "/hocuspocus/collaboration?v=1"):
            async with client_of(server, path) as client:
                await client.open("notes")
        with pytest.raises(Exception, match="404"):
            async with client_of(server, "/hocuspocussy"):
                pass


async def test_each_message_is_told_of_for_itself(client: Client):
    await client.open("notes")
    doc: Doc = Doc()
    await client.say("notes", *(yjs.encode_update(an_update(key, doc)) for key in "abc"))
    assert [await client.hear() for _ in range(3)] == [("notes", STORED)] * 3


async def test_who_says_the_same_in_two_documents_is_told_in_each():
    said = yjs.encode_awareness(encode_entries([Entry(7, 1, '{"name":"Ada"}')]))
    async with serving() as server, client_of(server) as speaker, client_of(server) as listener:
        for client in (speaker, listener):
            await client.open("notes")
            await client.open("other")
        for name in ("notes", "other"):
            await listener.say(name, yjs.encode_awareness(encode_entries([Entry(8, 1, "{}")])))
            await speaker.say(name, said)
        told_of_ada = set[str]()
        while told_of_ada != {"notes", "other"}:
            name, message = await listener.hear(presence=True)
            if b"Ada" in message:
                told_of_ada.add(name)


@pytest.mark.parametrize("first", ["notes\0", "notes"])
async def test_an_empty_session_is_told_of_by_its_own_key(first: str):
    second = {"notes": "notes\0", "notes\0": "notes"}[first]
    async with serving() as server, client_of(server) as one, client_of(server) as two:
        await one.open(first)
        await two.open(second)
        async with client_of(server) as writer:
            await writer.open("notes\0of its own")
            await writer.say("notes\0of its own", yjs.encode_update(an_update("a")))
            assert (await one.hear())[0] == first
            assert (await two.hear())[0] == second


async def test_nothing_is_told_to_be_stored_before_it_is():
    storage = GatedStorage()
    async with serving(storage=storage) as server, client_of(server) as client:
        await client.open("notes")
        await client.say("notes", yjs.encode_update(an_update("a")))
        await storage.asked.wait()
        await client.say_raw(b"\x09")
        assert await client.hear() == ("", b"\x0a")
        storage.gate.set()
        assert await client.hear() == ("notes", STORED)


async def test_a_document_that_takes_no_more_holds_up_its_socket_and_no_other():
    storage, limits = GatedStorage(), ServerLimits(pending_bytes=10)
    async with serving(limits, storage=storage) as server, client_of(server) as client:
        await client.open("full")
        await client.open("next")
        await client.say("full", yjs.encode_update(an_update("a")))
        await storage.asked.wait()
        await client.say_raw(b"\x09")  # not read now
        await client.say("next", yjs.encode_update(an_update("a")))
        async with client_of(server) as other:
            await other.say_raw(b"\x09")
            assert await other.hear() == ("", b"\x0a")
        storage.gate.set()
        assert sorted([await client.hear() for _ in range(3)]) == [
            ("", b"\x0a"),
            ("full", STORED),
            ("next", STORED),
        ]


async def test_a_document_that_ends_while_it_takes_no_more_lets_its_socket_go_on():
    storage, limits = GatedStorage(), ServerLimits(pending_bytes=10)
    async with serving(limits, storage=storage) as server, client_of(server) as client:
        await client.open("full")
        await client.say("full", yjs.encode_update(an_update("a")))
        await storage.asked.wait()
        await client.say("full", b"\x07")
        storage.gate.set()
        await client.say("next", AUTH)
        while await client.hear() != ("next", READ_WRITE):
            pass


async def test_who_does_not_read_is_not_read():
    async with asyncio.timeout(20), Database(MemoryStorage()) as database:
        limits, clock = ServerLimits(backlog_bytes=2_000), SystemClock()
        shared = database, Authentication(anonymous, clock), clock, limits, Counters()
        door = HocuspocusDoor(YjsClients(*shared), *shared[2:])
        wire = Wire(lambda connection: door.serve(connection, None), "/hocuspocus", write_limit=1_000)
        fed = 0
        while wire.transport.reading and fed < 1_000:
            wire.feed(client_frame(prefixed(b"notes") + AUTH))
            fed += 1
            for _ in range(20):
                await asyncio.sleep(0)
        assert not wire.transport.reading
        assert fed < 200
        wire.transport.drain()
        assert wire.transport.reading
        wire.hang_up()
        await wire.served


async def test_a_collection_that_cannot_be_loaded_leaves_the_other_documents_alone(monkeypatch):
    async with serving() as server, client_of(server) as client:
        await client.open("notes")

        async def ref(self, collection):
            raise CollectionUnloadable("it is broken")

        monkeypatch.setattr(Database, "ref", ref)
        await client.say("broken", AUTH)
        told = hocuspocus.encode_permission_denied("1013 it is broken")
        assert await client.hear() == ("broken", told)
        await client.say("notes", yjs.encode_update(an_update("a")))
        assert await client.hear() == ("notes", STORED)


async def test_a_server_that_stops_says_so():
    async with serving() as server, client_of(server) as client:
        await client.open("notes")
        ended = asyncio.ensure_future(client.end())
        await server.close()
        assert (await ended)[0] == 1001


async def test_an_answer_in_reply_asks_for_no_further_step_1(client: Client):
    await client.open("notes")
    await client.say("notes", b"\x04" + STEP1[1:])
    assert (await client.hear())[1][:2] == b"\x00\x01"


async def test_a_document_that_its_client_lets_go_of(client: Client):
    await client.open("notes")
    await client.open("other")
    await client.say("notes", b"\x07")
    await client.say("notes", yjs.encode_update(an_update("a")))  # said by nobody
    await client.say("other", yjs.encode_update(an_update("a")))
    assert await client.hear() == ("other", STORED)


async def test_pings(client: Client):
    await client.say_raw(b"\x0a")
    await client.say_raw(b"\x09")
    assert await client.hear() == ("", b"\x0a")


FAULTS = {
    "no update": (yjs.encode_update(b"\xff" * 40), "4400"),
    "cut off": (yjs.encode_update(an_update("a"))[:-3], "4400"),
    "bad state vector": (yjs.encode_step1(b"\xff\xff\xff"), "4400"),
    "broadcast": (b"\x06\x02hi", "4400"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_ends_its_document_alone(client: Client, fault: str):
    message, code = FAULTS[fault]
    await client.open("good")
    await client.open("bad")
    await client.say("bad", message)
    denied, closed = (await client.hear())[1], (await client.hear())[1]
    assert denied[:2] == b"\x02\x01"
    assert denied[3:7].decode() == code
    assert closed == hocuspocus.encode_close(denied[3:].decode())
    await client.say("bad", yjs.encode_update(an_update("a")))  # ignored
    await client.say("good", yjs.encode_update(an_update("a")))
    assert await client.hear() == ("good", STORED)
    await client.open("bad")


@pytest.mark.parametrize("frame", [b"\x00", b"\x05no", b"\x80" * 40, b"\x05notes\x02\x00\x05no"])
async def test_a_frame_without_a_document_ends_the_socket(client: Client, frame: bytes):
    await client.open("notes")
    await client.say_raw(frame)
    assert (await client.end())[0] == 4400


async def test_what_is_not_known_is_ignored(client: Client):
    await client.open("notes")
    await client.say("notes", b"\x63what", b"\x05\x02hi", b"\x08\x01", b"\x01\x05x", b"\x00\x09\x00")
    await client.say_raw("a text")
    await client.say("notes", yjs.encode_update(an_update("a")))
    assert await client.hear() == ("notes", STORED)


@pytest.mark.parametrize("name", ["", "a//b", "x" * 600, "notes\0" + "s" * 200])
async def test_names_that_cannot_be(client: Client, name: str):
    await client.open("notes")
    await client.say(name, AUTH)
    of, told = await client.hear()
    assert (of, told[:2]) == (name, b"\x02\x01")
    assert b"4404" in told


# before it is decided


async def test_what_comes_before_the_decision_is_bounded():
    limits = ServerLimits(undecided_bytes=10_000, undecided_messages=3, undecided_documents=2)
    for said, code, why in (
        ([("notes", yjs.encode_awareness(bytes(6_000)))] * 2, 4205, "undecided_bytes"),
        ([("notes", yjs.encode_awareness(b"\x00"))] * 4, 4205, "undecided_messages"),
        ([(f"notes{n}", yjs.encode_awareness(b"\x00")) for n in range(3)], 4205, "undecided_documents"),
        ([("notes", bytes(20_000))], 4413, "undecided_bytes"),
    ):
        async with serving(limits) as server, client_of(server) as client:
            for name, message in said:
                await client.say(name, message)
            ended, reason = await client.end()
            assert ended == code
            assert why in reason


async def test_a_message_may_be_long_once_a_document_is_open():
    limits = ServerLimits(undecided_bytes=1_000)
    async with serving(limits) as server, client_of(server) as client:
        await client.open("notes")
        doc: Doc = Doc()
        doc.get("records", type=Map)["a"] = "x" * 10_000
        await client.say("notes", yjs.encode_update(doc.get_update()))
        assert await client.hear() == ("notes", STORED)


async def test_a_socket_without_a_document_is_closed():
    clock = ManualClock()
    async with serving(clock=clock) as server, client_of(server) as client:
        await client.say_raw(b"\x09")
        assert await client.hear() == ("", b"\x0a")
        ended = asyncio.ensure_future(client.end())
        await clock.advance(61)
        assert (await ended)[0] == 4408


async def test_documents_of_a_socket_are_bounded():
    async with serving(ServerLimits(socket_documents=2)) as server, client_of(server) as client:
        await client.open("one")
        await client.open("two")
        await client.say("three", AUTH)
        assert b"socket_documents" in (await client.hear())[1]
        await client.say("one", b"\x07")
        await client.open("three")


async def test_who_is_refused_again_and_again_is_closed():
    def authenticate(token: str | None) -> None:
        raise pb.Unauthorized("no")

    async with (
        serving(ServerLimits(refused_documents=3), authenticate=authenticate) as server,
        client_of(server) as client,
    ):
        for _ in range(3):
            await client.say("notes", AUTH)
            assert await client.hear() == ("notes", hocuspocus.encode_permission_denied("no"))
        assert (await client.end())[0] == 4429


async def test_a_document_may_be_left_while_it_is_decided():
    asked, answer = asyncio.Event(), asyncio.Event()

    async def authenticate(token: str | None) -> str:
        asked.set()
        await answer.wait()
        return "ann"

    async with serving(authenticate=authenticate) as server, client_of(server) as client:
        await client.say("notes", AUTH, STEP1)
        await asked.wait()
        await client.say("notes", b"\x07")
        answer.set()
        await client.open("notes")


async def test_a_token_that_is_said_again_is_checked_again():
    accepted = [True, True, False]

    def authenticate(token: str | None) -> str:
        if not accepted.pop(0):
            raise pb.Unauthorized("expired")
        return "ann"

    async with serving(authenticate=authenticate) as server, client_of(server) as client:
        await client.open("notes")
        await client.say("notes", AUTH)
        assert await client.hear() == ("notes", READ_WRITE)
        await client.say("notes", AUTH, yjs.encode_update(an_update("a")))
        assert await client.hear() == ("notes", hocuspocus.encode_permission_denied("expired"))
        await client.say_raw(b"\x09")
        assert await client.hear() == ("", b"\x0a"), "nothing more was said of the document"


def as_author(name: str) -> bytes:
    """An auth message of somebody whose token is his name."""
    return b"\x02\x00" + prefixed(name.encode())


async def test_each_document_counts_for_its_own_author():
    """A proxy may carry documents of several people over one socket."""
    limits = ServerLimits(identity_collections=1, identity_connections=1)
    async with serving(limits, authenticate=pb.Identity) as server, client_of(server) as client:
        for name, author in (("a", "ann"), ("b", "bob")):
            await client.say(name, as_author(author))
            assert await client.hear() == (name, READ_WRITE)
        async with client_of(server) as other:
            await other.say("b", as_author("bob"))
            assert (await other.end())[0] == 1013
        await client.say("c", as_author("bob"))
        of, told = await client.hear()
        assert (of, told[:7]) == ("c", b"\x02\x01" + told[2:3] + b"4429")
        assert b"identity_collections" in told


async def test_a_socket_has_so_many_authors():
    limits = ServerLimits(socket_documents=2)
    async with serving(limits, authenticate=pb.Identity) as server, client_of(server) as client:
        for author in ("ann", "bob"):
            await client.say(author, as_author(author))
            assert await client.hear() == (author, READ_WRITE)
            await client.say(author, b"\x07")
        await client.say("carl", as_author("carl"))
        code, reason = await client.end()
        assert code == 1013
        assert "documents of 2 authors" in reason


# who may only read


def a_text(text: str) -> bytes:
    doc: Doc = Doc()
    doc.get("body", type=Text).insert(0, text)
    return doc.get_update()


async def test_who_may_only_read():
    def authenticate(token: str | None) -> pb.Identity:
        return pb.Identity("ann", read_only=True)

    async with serving(authenticate=authenticate) as server, client_of(server) as client:
        await client.open("notes", READ_ONLY)
        await client.say("notes", yjs.encode_step2(b"\x00\x00"))
        assert await client.hear() == ("notes", STORED)
        await client.say("notes", yjs.encode_update(a_text("not mine")))
        heard = [(await client.hear())[1] for _ in range(3)]
        assert [each[0] for each in heard] == [0, 5, 8], "an update, why it came, and that all is stored"
        assert b"you may read here" in heard[1]
        assert heard[2] == STORED
        told = yjs.decode(heard[0])
        assert isinstance(told, yjs.Update)
        assert b"not mine" not in told.update
        await client.say("notes", yjs.encode_update(b"\xff" * 20))
        assert b"4400" in (await client.hear())[1]


async def test_what_is_kept_is_stored_when_it_was_handed_over():
    """Who may only read has had too much put back in a row; it is answered all else meanwhile."""
    limits, clock = ServerLimits(put_backs_in_a_row=0), ManualClock(1.7e9)

    def authenticate(token: str | None) -> pb.Identity:
        return pb.Identity("ann", read_only=True)

    async with (
        serving(limits, authenticate=authenticate, clock=clock) as server,
        client_of(server) as client,
    ):
        await client.open("notes", READ_ONLY)
        await client.say("notes", yjs.encode_step2(b"\x00\x00"))
        await client.hear_until("notes", STORED)
        await client.say("notes", yjs.encode_update(a_text("not mine")))
        await client.hear_until("notes", STORED)
        await client.say("notes", yjs.encode_update(a_text("nor mine")), STEP1)
        heard = [(await client.hear())[1] for _ in range(2)]
        assert [each[:2] for each in heard] == [b"\x00\x00", b"\x00\x01"], "both answers, and no more"
        await client.say("notes", yjs.encode_step2(b"\x00\x00"))
        await clock.advance(1)
        heard = await client.hear_until("notes", STORED)
        assert [each[0] for each in heard] == [0, 5, 8]


async def test_a_document_stays_that_of_the_author_who_has_opened_it():
    """What waits for its turn would be another one's."""
    tokens = {name: b"\x02\x00\x03" + name.encode() for name in ("ann", "bob")}
    async with (
        pb.open("memory:") as db,
        Server(db, port=0, authenticate=lambda token: token) as server,
        client_of(server) as client,
        db.changes("room") as changes,
    ):
        await client.say("room", tokens["ann"], STEP1)
        await client.hear_until("room", READ_WRITE)
        await client.say("room", yjs.encode_update(an_update("k")), tokens["bob"])
        why = "the token is not of the author who has this document: open it anew"
        await client.hear_until("room", hocuspocus.encode_permission_denied(why))
        assert (await anext(aiter(changes))).author == "ann"
        await client.say("room", tokens["bob"], STEP1)
        await client.hear_until("room", READ_WRITE)
        await client.say("room", yjs.encode_update(an_update("l")))
        assert (await anext(aiter(changes))).author == "bob"


async def test_a_token_that_ends_is_asked_for_again_and_a_fresh_one_keeps_all_open():
    clock = ManualClock(1000.0)

    def authenticate(token: str | None) -> pb.Identity:
        return pb.Identity(token, expires=clock.time() + 100)

    async with serving(authenticate=authenticate, clock=clock) as server, client_of(server) as client:
        await client.open("notes")
        await clock.advance(70.0)
        assert await client.hear() == ("notes", hocuspocus.encode_token_request())
        await client.say("notes", AUTH)
        assert await client.hear() == ("notes", READ_WRITE)
        await clock.advance(70.0)
        assert await client.hear() == ("notes", hocuspocus.encode_token_request())
        await client.say("notes", yjs.encode_step2(an_update("a")))
        assert await client.hear() == ("notes", STORED)
        await clock.advance(30.0)
        assert await client.end() == (3000, "the token has expired: connect again with a fresh one")


async def test_a_document_that_its_client_has_let_go_of_ends_no_socket():
    clock = ManualClock(1000.0)

    def authenticate(token: str | None) -> pb.Identity:
        return pb.Identity(token, expires=clock.time() + 100 if token else None)

    async with serving(authenticate=authenticate, clock=clock) as server, client_of(server) as client:
        await client.open("brief")
        await client.say("brief", hocuspocus.encode_close(""))
        await client.say("lasting", b"\x02\x00\x00", STEP1)
        assert await client.hear() == ("lasting", READ_WRITE)
        await clock.advance(200.0)
        await client.say_raw(hocuspocus.PING_FRAME)
        heard = [(await client.hear())[1] for _ in range(3)]
        assert heard[-1] == hocuspocus.PONG_FRAME
