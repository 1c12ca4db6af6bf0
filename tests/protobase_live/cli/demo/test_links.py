"""Relays between nodes: what gets through them, and what does not."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

from protobase_live.cli.demo.links import CHUNK_BYTES, RELAY_CONNECTIONS, Links, Relay

SECONDS = 10.0


@asynccontextmanager
async def echo():
    """The port of a server that says what it is told."""

    async def answer(reader, writer):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        server.close()


@asynccontextmanager
async def connected(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.transport.abort()


async def says(connection, words: bytes) -> bytes:
    """What comes back, nothing if the connection has ended."""
    reader, writer = connection
    try:
        writer.write(words)
        return await asyncio.wait_for(reader.readexactly(len(words)), SECONDS)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def test_what_is_said_gets_through_both_ways_however_long_it_is():
    async with echo() as port, Relay(port) as relay, connected(relay.port) as connection:
        for words in (b"hello", b"x" * (3 * CHUNK_BYTES)):
            assert await says(connection, words) == words


async def test_a_cut_ends_what_there_is_and_what_comes_until_it_is_healed():
    async with echo() as port, Relay(port) as relay:
        async with connected(relay.port) as connection:
            assert await says(connection, b"hello") == b"hello"
            relay.cut()
            assert await says(connection, b"again") == b""
        async with connected(relay.port) as connection:
            assert await says(connection, b"hello") == b""
        relay.heal()
        async with connected(relay.port) as connection:
            assert await says(connection, b"hello") == b"hello"


async def test_nobody_at_the_other_end_ends_a_connection():
    async with echo() as port:
        pass
    async with Relay(port) as relay, connected(relay.port) as connection:
        assert await says(connection, b"hello") == b""


async def test_there_are_only_so_many_connections():
    async with echo() as port, Relay(port) as relay, AsyncExitStack() as stack:
        for n in range(RELAY_CONNECTIONS + 1):
            connection = await stack.enter_async_context(connected(relay.port))
            assert await says(connection, b"hello") == (b"hello" if n < RELAY_CONNECTIONS else b"")


async def test_a_link_is_cut_in_both_directions_and_no_other_is():
    async with AsyncExitStack() as stack:
        ports = {name: await stack.enter_async_context(echo()) for name in ("n1", "n2", "n3")}
        async with Links(ports) as links:
            links.cut(("n1", "n2"))
            assert links.pairs == [("n1", "n2"), ("n1", "n3"), ("n2", "n3")]
            assert [links.is_cut(pair) for pair in links.pairs] == [True, False, False]
            for source, target, heard in (("n1", "n2", b""), ("n2", "n1", b""), ("n3", "n1", b"hi")):
                async with connected(links.port(source, target)) as connection:
                    assert await says(connection, b"hi") == heard
            links.heal(("n1", "n2"))
            async with connected(links.port("n2", "n1")) as connection:
                assert await says(connection, b"hi") == b"hi"
