"""Requests that are repeated and done once."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live import F
from protobase_live.permissions.policy import Policy
from protobase_live.permissions.rule import Rule
from protobase_live.server.permissions import Permissions
from protobase_live.server.rest.commits import KEYS
from tests.support.asgi_client import call

ADD = {"writes": {"stats": [["counter", ["n"], "add", [1]]], "log": [["list", ["all"], "extend", [["x"]]]]}}
TO = "/api/v1/transactions"


async def count(database) -> int:
    return await (await (await database.collection("stats")).counter("n")).value()


async def test_a_transaction_with_a_key_is_done_once(rest, database) -> None:
    first = await call(rest, "POST", TO, ADD, idempotency_key="k")
    again = await call(rest, "POST", TO, ADD, idempotency_key="k")
    assert (first.status, again.status) == (200, 200)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert set(again.json["cursors"]) == set(first.json["cursors"]) == {"log", "stats"}
    assert await count(database) == 1
    await call(rest, "POST", TO, ADD, idempotency_key="another")
    await call(rest, "POST", TO, ADD)
    assert await count(database) == 3


async def test_who_reads_some_rows_is_told_a_cursor_of_these_again(make_rest, clock) -> None:
    """Else a stream since it would begin with a reset."""
    policy = Policy([Rule("tasks", actions="read write", where=F.owner == "ann")])
    rest = make_rest(permissions=Permissions(clock, policy=policy))
    record = "/api/v1/collections/tasks/records/x"
    first, again = [await call(rest, "PUT", record, {"owner": "ann"}, idempotency_key="k") for _ in range(2)]
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json["cursors"] == first.json["cursors"]
    assert "~" in again.json["cursors"]["tasks"]


async def test_many_at_once_with_one_key(rest, database) -> None:
    answers = await asyncio.gather(*(call(rest, "POST", TO, ADD, idempotency_key="k") for _ in range(5)))
    assert [answer.status for answer in answers] == [200] * 5
    assert await count(database) == 1


async def test_a_key_that_was_used_for_something_else(rest, database) -> None:
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    other = {"writes": {"stats": [["counter", ["n"], "add", [2]]]}}
    answer = await call(rest, "POST", TO, other, idempotency_key="k")
    assert (answer.status, answer.error) == (422, "ValidationError")
    assert await count(database) == 1


async def test_who_repeats_an_insertion_is_told_the_same_key(rest) -> None:
    records = "/api/v1/collections/tasks/records"
    first = await call(rest, "POST", records, {"a": 1}, idempotency_key="k")
    again = await call(rest, "POST", records, {"a": 1}, idempotency_key="k")
    assert again.status == 201
    assert again.json["key"] == first.json["key"]
    assert again.headers["location"] == first.headers["location"]
    assert len((await call(rest, "GET", records)).json["records"]) == 1


async def test_a_condition_is_not_looked_at_again(rest) -> None:
    record = "/api/v1/collections/tasks/records/x"
    await call(rest, "PUT", record, {"n": 1})
    version = (await call(rest, "GET", record)).headers["etag"]
    for _ in range(2):
        done = await call(rest, "PATCH", record, {"n": 2}, if_match=version, idempotency_key="k")
        assert done.status == 200


async def test_what_failed_is_tried_again(rest, database) -> None:
    insert = {"writes": {"stats": [["records", ["records"], "insert", ["x", {}, {}]]]}}
    await call(rest, "PUT", "/api/v1/collections/stats/records/x", {})
    assert (await call(rest, "POST", TO, insert, idempotency_key="k")).error == "RecordExists"
    await call(rest, "DELETE", "/api/v1/collections/stats/records/x")
    assert (await call(rest, "POST", TO, insert, idempotency_key="k")).status == 200


async def test_keys_are_each_authors_own(make_rest, database) -> None:
    rest = make_rest(lambda token: token)
    for token in ("ann", "bob"):
        await call(rest, "POST", TO, ADD, idempotency_key="k", authorization=f"Bearer {token}")
    assert await count(database) == 2


async def test_a_key_is_remembered_for_a_period_and_forgotten_after_the_next(rest, database, clock) -> None:
    await clock.advance(3_600 - clock.time() % 3_600 + 3_000)
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    await clock.advance(3_599.0)
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    assert await count(database) == 1
    await clock.advance(3_600.0)
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    assert await count(database) == 2
    period = int(clock.time() // 3_600)
    assert [each.name for each in await database.collections(KEYS)] == [f"{KEYS}{period}"]


@pytest.mark.parametrize("seconds", [-10_000.0, 10_000.0])
async def test_a_clock_that_is_set_forgets_no_key(rest, database, clock, seconds) -> None:
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    clock.set_wall_clock(seconds)
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    assert await count(database) == 1


async def test_one_key_too_many(make_rest, database) -> None:
    rest = make_rest(idempotency_keys=1)
    assert (await call(rest, "POST", TO, ADD, idempotency_key="a")).status == 200
    full = await call(rest, "POST", TO, ADD, idempotency_key="b")
    assert (full.status, full.error) == (503, "Overloaded")
    assert (await call(rest, "POST", TO, ADD, idempotency_key="a")).status == 200
    assert (await call(rest, "POST", TO, ADD)).status == 200


async def test_who_began_in_the_period_before_and_is_late_is_not_done_twice(
    rest, database, clock, monkeypatch
) -> None:
    """His commit comes between the other's look for the key and the other's commit."""
    await clock.advance(3_600 - clock.time() % 3_600 - 1)
    commit, late = database.commit, []

    async def slow(writes, *args):
        if not late:
            late.append((writes, *args))
            raise TimeoutError
        monkeypatch.undo()
        await commit(*late[0])
        return await commit(writes, *args)

    monkeypatch.setattr(database, "commit", slow)
    await call(rest, "POST", TO, ADD, idempotency_key="k")
    await clock.advance(2.0)
    again = await call(rest, "POST", TO, ADD, idempotency_key="k")
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(database) == 1


async def test_a_key_is_its_authors_with_whatever_token(make_rest, database) -> None:
    """A token may be another one when the request is repeated."""
    rest = make_rest(lambda token: token.partition("-")[0])
    first = await call(rest, "POST", f"{TO}?token=ann-1", ADD, idempotency_key="k")
    again = await call(rest, "POST", f"{TO}?token=ann-2", ADD, idempotency_key="k")
    other = await call(rest, "POST", f"{TO}?token=bob-1", ADD, idempotency_key="k")
    assert (first.status, again.status, other.status) == (200, 200, 200)
    assert "idempotency-replayed" in again.headers
    assert "idempotency-replayed" not in other.headers
    assert await count(database) == 2
