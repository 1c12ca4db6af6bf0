"""Which connection a line of the log is about, and what its client can make of that line."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import AsyncIterator, Iterator

import pytest
from websockets.asyncio.client import connect

from protobase_live.cli.logs import JsonFormatter, TextFormatter
from protobase_live.database.database import Database
from protobase_live.errors import CollectionUnloadable, Unauthorized
from protobase_live.protocol.yjs.varint import prefixed
from protobase_live.server.connection_log import enter, here, narrow
from protobase_live.server.server import Server
from protobase_storage import CollectionCorrupt, MemoryStorage
from tests.protobase_live.server.test_server import closed_with, get
from tests.support.hocuspocus import AUTH

MARKER = "s3cr3t-marker"


class Printed(logging.Handler):
    """What is logged, in one of the formats, as one text."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(formatter)
        self.text = io.StringIO()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.text.write(self.format(record) + "\n")


@pytest.fixture(params=[TextFormatter, JsonFormatter])
def printed(request) -> Iterator[Printed]:
    handler, logger = Printed(request.param()), logging.getLogger("protobase_live")
    level, before = logger.level, logging.getLogger("protobase_live.server.handshake").level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)
    logging.getLogger("protobase_live.server.handshake").setLevel(before)


def nobody(token: str | None) -> str:
    raise Unauthorized(f"no\nERROR forged\x1b[2J {token}")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with (
        Database(MemoryStorage()) as database,
        Server(database, port=0, authenticate=nobody) as server,
    ):
        yield server


def of(printed: Printed, event: str) -> list[logging.LogRecord]:
    return [each for each in printed.records if getattr(each, "event", "") == event]


def named(record: logging.LogRecord, *names: str) -> tuple[object, ...]:
    return tuple(getattr(record, name, None) for name in names)


async def test_all_lines_of_a_connection_have_its_id(server: Server, printed: Printed) -> None:
    for name in "tasks", "notes":
        assert await closed_with(f"ws://127.0.0.1:{server.port}/yjs/{name}?token={MARKER}") == 4401
    await server.close()
    refused, closed = of(printed, "client_refused"), of(printed, "connection_closed")
    ids = [each.connection for each in refused]  # type: ignore[attr-defined]
    assert len(set(ids)) == 2
    assert [each.connection for each in closed] == ids  # type: ignore[attr-defined]
    for records in refused, closed:
        assert [named(each, "door", "collection") for each in records] == [("yjs", "tasks"), ("yjs", "notes")]
    assert [each.code for each in closed] == [4401, 4401]  # type: ignore[attr-defined]


async def test_a_document_on_a_socket_of_many_is_named(server: Server, printed: Printed) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/hocuspocus") as client:
        for name in b"tasks", b"notes":
            await client.send(prefixed(name) + AUTH)
        for _ in range(2):
            await client.recv()
    first, second = of(printed, "client_refused")
    assert named(first, "door", "collection") == ("hocuspocus", "tasks")
    assert named(second, "door", "collection") == ("hocuspocus", "notes")
    assert named(first, "connection") == named(second, "connection") != (None,)


async def test_a_request_is_named(server: Server, printed: Printed) -> None:
    assert (await get(server, "/api/v1/collections/tasks/records"))[0] == 401
    assert (await get(server, "/api/v1/collections/tasks/records"))[0] == 401
    first, second = of(printed, "client_refused")
    assert named(first, "door") == ("rest",)
    assert named(first, "connection") != named(second, "connection")


HOSTILE_PATHS = [
    "/yjs/%0d%0a2026-01-01%20ERROR%20protobase_live%20forged",
    "/yjs/%1b%5b2J//",
    "/yjs/a%E2%80%A8//b",
    "/yjs/%00",
    "/yjs/x'%20%5Bforged%20code=1%5D//",
]


async def test_a_client_writes_no_lines(server: Server, printed: Printed) -> None:
    address = f"ws://127.0.0.1:{server.port}"
    for path in HOSTILE_PATHS:
        await closed_with(f"{address}{path}?token={MARKER}")
    async with connect(f"{address}/yjs/a//b?token={MARKER}") as client:
        await client.close(1011, "no\n2026-01-01 ERROR forged\x1b[2J")
    async with connect(f"{address}/live?token={MARKER}") as client:
        await client.close(1011, "no\n2026-01-01 ERROR forged\x1b[2J")
    await server.close()
    lines = printed.text.getvalue().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(printed.records) > len(HOSTILE_PATHS)
    for line in lines:
        assert line.isprintable()
        assert re.match(r'\d{4}-\d\d-\d\d [\d:,]+ [A-Z]+ protobase_live|\{"time": ', line), line
        assert MARKER not in line


async def test_what_goes_on_behind_the_door_is_nobody_s(printed: Printed, monkeypatch) -> None:
    """An actor runs on in the context of who came first, and its lines are not about him."""
    storage = MemoryStorage()

    async def load(name: str) -> None:
        raise CollectionCorrupt(f"{name} is damaged", name)

    monkeypatch.setattr(storage, "load", load)
    async with Database(storage) as database, Server(database, port=0) as server:
        assert await closed_with(f"ws://127.0.0.1:{server.port}/yjs/tasks") == 1013
        with pytest.raises(CollectionUnloadable):
            await database.ref("tasks")
    (record,) = of(printed, "collection_unloadable")
    assert named(record, "collection", "connection", "door") == ("tasks", None, None)
    (closed,) = of(printed, "connection_closed")
    assert named(closed, "collection", "door", "code") == ("tasks", "yjs", 1013)


async def test_outside_of_connections_a_line_names_none() -> None:
    narrow("tasks")
    assert here("client_refused") == {"event": "client_refused"}
    enter("yjs")
    first = here("client_refused")
    narrow("tasks")
    assert here("client_refused", code=1) == {**first, "collection": "tasks", "code": 1}
    enter("yjs")
    assert here("client_refused")["connection"] != first["connection"]
