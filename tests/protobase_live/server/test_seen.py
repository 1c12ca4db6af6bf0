"""What a client has seen at other servers is looked for before it reads or writes."""

from __future__ import annotations

import asyncio

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Behind, Overloaded, ValidationError
from protobase_live.live.view_cursor import encode_cursor
from protobase_live.model.cursor import Cursor
from protobase_live.protocol.live.client_messages import Seen as SeenRequest
from protobase_live.server.seen import Seen
from tests.protobase_live.live_wire import FakeDatabase

ONE, TWO = Cursor({"a/t": 3}).encode(), Cursor({"a/t": 2, "b/t": 1}).encode()
VIEW = encode_cursor("", {"tasks": {"c/t": 4}, "users": {"a/t": 1}})


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase(ManualClock())


@pytest.fixture
def seen(database: FakeDatabase) -> Seen:
    return Seen(database)


async def test_all_cursors_of_a_collection_are_looked_for_once(database: FakeDatabase, seen: Seen) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE, TWO], "notes": []}, [VIEW]))
    await seen.arrive(["other", "notes", "tasks"])
    assert database.arrived == [("tasks", Cursor({"a/t": 3, "b/t": 1, "c/t": 4}).encode())]
    await seen.arrive(["tasks", "users"])
    assert database.arrived[1:] == [("users", Cursor({"a/t": 1}).encode())]
    await seen.arrive(["tasks", "users"])
    assert len(database.arrived) == 2


async def test_what_has_not_come_is_looked_for_again(database: FakeDatabase, seen: Seen) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE]}, []))
    database.failure = Behind("not yet")
    for _ in range(2):
        with pytest.raises(Behind):
            await seen.arrive(["tasks"])
    database.failure = None
    await seen.arrive(["tasks"])
    assert len(database.arrived) == 3


async def test_what_can_never_come_is_told_once(database: FakeDatabase, seen: Seen) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE]}, []))
    database.failure = Behind("never")
    database.failure.retryable = False
    with pytest.raises(Behind):
        await seen.arrive(["tasks"])
    await seen.arrive(["tasks"])


async def test_several_may_wait_at_once(database: FakeDatabase, seen: Seen) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE]}, []))
    database.arrive_gate.clear()
    waiting = [asyncio.ensure_future(seen.arrive(["tasks"])) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(each.done() for each in waiting)
    database.arrive_gate.set()
    await asyncio.gather(*waiting)


async def test_of_several_none_waits_for_another_one(database: FakeDatabase, seen: Seen) -> None:
    """Or one after the other would be loaded."""
    seen.take(SeenRequest(1, {"tasks": [ONE], "users": [ONE]}, []))
    database.failure = Behind("not yet")
    with pytest.raises(Behind, match="not yet"):
        await seen.arrive(["users", "tasks"])
    assert [name for name, _ in database.arrived] == ["tasks", "users"]


async def test_what_is_named_while_less_is_waited_for_is_looked_for(
    database: FakeDatabase, seen: Seen
) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE]}, []))
    database.arrive_gate.clear()
    waiting = asyncio.ensure_future(seen.arrive(["tasks"]))
    await asyncio.sleep(0)
    seen.take(SeenRequest(2, {"tasks": [TWO]}, []))
    database.arrive_gate.set()
    await waiting
    await seen.arrive(["tasks"])
    assert database.arrived == [("tasks", ONE), ("tasks", TWO)]


async def test_each_that_can_never_come_is_told(database: FakeDatabase, seen: Seen) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE], "users": [ONE]}, []))
    database.failure = Behind("never")
    database.failure.retryable = False
    for _ in range(2):
        with pytest.raises(Behind):
            await seen.arrive(["tasks", "users"])
    await seen.arrive(["tasks", "users"])


async def test_they_come_one_after_the_other_where_there_is_no_room_for_all(
    database: FakeDatabase, seen: Seen
) -> None:
    seen.take(SeenRequest(1, {"tasks": [ONE], "users": [ONE]}, []))
    coming = list[str]()

    async def arrive(collection: str, cursor: str) -> None:
        coming.append(collection)
        try:
            await asyncio.sleep(0)
            if len(coming) > 1:
                raise Overloaded("there is no room")
        finally:
            coming.remove(collection)
        database.arrived.append((collection, cursor))

    database.arrive = arrive
    await seen.arrive(["tasks", "users"])
    assert sorted(name for name, _ in database.arrived) == ["tasks", "users"]


@pytest.mark.parametrize("request_", [SeenRequest(1, {"tasks": ["x"]}, []), SeenRequest(1, {}, [ONE])])
async def test_what_is_no_cursor_is_refused(seen: Seen, request_: SeenRequest) -> None:
    with pytest.raises(ValidationError, match="cursor"):
        seen.take(request_)
