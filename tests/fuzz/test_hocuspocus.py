"""Broken sessions at the Hocuspocus door harm nobody but those who have them."""

from __future__ import annotations

import asyncio
import logging
from random import Random

import pytest
from hypothesis import settings
from websockets.exceptions import ConnectionClosed

import protobase_live as pb
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.server import Server
from tests.support.hocuspocus import AUTH, STEP1, STORED, Client, an_update, client_of

SESSIONS = settings().max_examples
"""4,000 in `make fuzz`."""

SESSION_FRAMES = 20
NAMES = ("notes", "notes\0s1", "notes\0s2", "other", "home", "", "a//b")
PONG = ("", hocuspocus.PONG_FRAME)


def a_frame(random: Random) -> bytes:
    """A frame as providers send it, more or less."""
    message = random.choice(
        [
            AUTH,
            STEP1,
            yjs.encode_step2(b"\x00\x00"),
            yjs.encode_update(an_update(f"k{random.randrange(9)}")),
            yjs.encode_awareness(b"\x01\x07\x01\x02{}"),
            yjs.QUERY_AWARENESS_FRAME,
            b"\x04" + STEP1[1:],
            b"\x05\x02hi",
            b"\x06\x02hi",
            hocuspocus.encode_close(""),
            hocuspocus.encode_sync_status(),
        ]
    )
    frame = bytearray(prefixed(random.choice(NAMES).encode()) + message)
    if random.random() < 0.3:
        for _ in range(random.randint(1, 3)):
            frame[random.randrange(len(frame))] = random.randrange(256)
    if random.random() < 0.1:
        del frame[random.randrange(len(frame)) :]
    return bytes(frame)


async def broken_session(server: Server, random: Random) -> int | None:
    """The code of its end, None if the server did not end it."""
    async with client_of(server) as client:
        try:
            for name in random.sample(NAMES[:4], 2):
                await client.say(name, AUTH, STEP1)
            for _ in range(random.randrange(SESSION_FRAMES)):
                await client.say_raw(a_frame(random))
            await client.say_raw(hocuspocus.PING_FRAME)
            while await client.hear() != PONG:
                pass
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
    return None


async def innocent(client: Client, count: int) -> None:
    await client.say("home", yjs.encode_update(an_update(f"innocent {count}")))
    while await client.hear() != ("home", STORED):
        pass


async def test_broken_sessions_harm_nobody(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture):
    given = str(request.config.getoption("--hypothesis-seed"))
    random = Random(int(given) if given.isdecimal() else 1)
    limits = pb.ServerLimits(refusal_seconds=0.0, refusal_seconds_most=0.0)
    caplog.set_level(logging.ERROR)
    async with pb.open("memory:") as db, pb.Server(db, port=0, limits=limits) as server:
        async with client_of(server) as client:
            await client.open("home")
            for n in range(SESSIONS // 10):
                attacks = [broken_session(server, random) for _ in range(10)]
                _, *codes = await asyncio.gather(innocent(client, n), *attacks)
                assert set(codes) <= {None, 4205, 4400, 4413, 4429}
        home = await db.collection("home")
        assert {f"innocent {n}" for n in range(SESSIONS // 10)} <= set(await home.keys())
    assert not [record for record in caplog.records if record.name.startswith("protobase_live")]
