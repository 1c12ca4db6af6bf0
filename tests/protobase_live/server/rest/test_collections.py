"""Collections as a whole over REST: erasing, and which node they are best opened at."""

from __future__ import annotations

import pytest

from tests.support.asgi_client import call

ERASE = "/api/v1/collections/tasks/erase"


async def test_a_record_is_erased_and_then_all(rest, database) -> None:
    tasks = await database.collection("tasks")
    for key in ("t1", "t2"):
        await tasks.put({"title": key}, key=key)
    erased = await call(rest, "POST", ERASE, {"key": "t1"})
    assert (erased.status, erased.json) == (200, {"done": [database.node], "left": {}, "found": True})
    again = await call(rest, "POST", ERASE, {"key": "t1"})
    assert (again.status, again.json["found"]) == (200, False)
    absent = await call(rest, "POST", ERASE.replace("tasks", "task"), {"key": None})
    assert (absent.status, "there is no collection 'task'" in absent.json["error"]["message"]) == (404, True)
    assert set(await tasks.items()) == {"t2"}
    assert (await call(rest, "POST", ERASE, {"key": None})).status == 200
    assert await database.collections() == []


@pytest.mark.parametrize("body", [{}, {"key": 1}, {"key": "t1", "more": 1}])
async def test_nothing_is_erased_by_half_a_request(rest, database, body) -> None:
    await (await database.collection("tasks")).put({"title": "kept"}, key="t1")
    assert (await call(rest, "POST", ERASE, body)).status in (400, 422)
    assert await (await database.collection("tasks")).count() == 1


async def test_who_is_on_no_stream_prefers_no_node(rest) -> None:
    found = await call(rest, "GET", "/api/v1/collections/boards%2F42/node")
    assert (found.status, found.json) == (200, {"node": None, "address": None})
    assert (await call(rest, "GET", "/api/v1/collections/protobase:x/node")).status == 400
