"""Changes as server-sent events."""

from __future__ import annotations

import asyncio
import json

import pytest
from pycrdt import Array, Text

from protobase_live import F
from protobase_live.permissions.policy import Policy
from protobase_live.permissions.rule import Rule
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.authentication import Identity
from protobase_live.server.permissions import Permissions
from tests.support.asgi_client import Exchange, call

CHANGES = "/api/v1/collections/tasks/changes"


def fields(event: bytes) -> dict[str, str]:
    """The lines of one event."""
    assert event.endswith(b"\n\n")
    return dict(line.split(": ", 1) for line in event.decode()[:-2].split("\n"))


async def test_changes_come_with_the_cursor_behind_them(rest, database) -> None:
    stream = Exchange(rest, "GET", CHANGES)
    assert fields(await stream.part())["event"] == "open"
    tasks = await database.collection("tasks")
    await tasks.insert({"title": "a"}, key="t1")
    told = fields(await stream.part())
    change = json.loads(told["data"])
    assert (told["event"], told["id"]) == ("change", change["cursor"])
    assert (change["kind"], change["key"], change["after"]) == ("insert", "t1", {"title": "a"})
    stream.leave()
    await stream.task


async def test_what_yjs_clients_alone_write_is_told_if_it_is_named(rest, database, yjs) -> None:
    ann = await yjs("tasks")
    named = "?structure=text:body&structure=list:order:1"
    stream = Exchange(rest, "GET", CHANGES + named)
    cursor = fields(await stream.part())["id"]
    ann.doc.get("body", type=Text).insert(0, "hi")
    await ann.send()
    ann.doc.get("order:1", type=Array).append("a")
    await ann.send()
    told = [json.loads(fields(await stream.part())["data"]) for _ in range(2)]
    assert [(each["structure"], each["after"]) for each in told] == [("body", "hi"), ("order:1", ["a"])]
    stream.leave()
    await stream.task
    again = Exchange(rest, "GET", CHANGES + named, last_event_id=cursor)
    await again.part()
    assert json.loads(fields(await again.part())["data"]) == told[0]
    again.leave()
    await again.task


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("body", "'body' names no structure; write it KIND:NAME, such as text:body"),
        ("text:", "'text:' names no structure"),
        ("novel:body", "there is no kind 'novel'; kinds are records, dict, list"),
        ("text:records", "structure name 'records' is reserved"),
        ("text:order", "'order' is a list, not a text"),
    ],
)
async def test_what_is_no_structure_of_that_kind_is_refused(rest, database, named, said) -> None:
    await (await database.collection("tasks")).list("order").append("a")
    answer = await call(rest, "GET", f"{CHANGES}?structure={named}")
    assert answer.status == 400
    assert said in answer.json["error"]["message"]


async def test_a_structure_that_may_not_be_read_is_not_opened(make_rest, clock) -> None:
    policy = Policy([Rule("tasks", structures=["body"])])
    rest = make_rest(permissions=Permissions(clock, policy=policy))
    refused = await call(rest, "GET", f"{CHANGES}?structure=text:body&structure=text:secret")
    assert (refused.status, refused.json["error"]["code"]) == (403, "forbidden")
    stream = Exchange(rest, "GET", f"{CHANGES}?structure=text:body")
    assert fields(await stream.part())["event"] == "open"
    stream.leave()
    await stream.task


async def test_a_reader_goes_on_where_it_was(rest, database) -> None:
    stream = Exchange(rest, "GET", CHANGES)
    cursor = fields(await stream.part())["id"]
    stream.leave()
    await stream.task
    tasks = await database.collection("tasks")
    for key in "ab":
        await tasks.insert({}, key=key)
    for key in "ab":
        stream = Exchange(rest, "GET", CHANGES, last_event_id=cursor)
        await stream.part()
        await tasks.insert({}, key=f"behind {key}")
        told = fields(await stream.part())
        assert json.loads(told["data"])["key"] == key
        cursor = told["id"]
        stream.leave()
        await stream.task


async def test_who_reads_some_rows_and_is_told_nothing_goes_on_there(make_rest, clock, database) -> None:
    await (await database.collection("tasks")).insert({"owner": "ann"})
    policy = Policy([Rule("tasks", where=F.owner == "ann")])
    rest = make_rest(permissions=Permissions(clock, policy=policy))
    stream = Exchange(rest, "GET", CHANGES)
    cursor = fields(await stream.part())["id"]
    for _ in range(3):
        stream.leave()
        await stream.task
        stream = Exchange(rest, "GET", CHANGES, last_event_id=cursor)
        assert fields(await stream.part())["id"] == cursor
    stream.leave()
    await stream.task


async def test_a_sign_of_life(rest, clock) -> None:
    stream = Exchange(rest, "GET", CHANGES)
    await stream.part()
    for _ in range(2):
        await _turns()
        await clock.advance(15.0)
        assert await stream.part() == b":\n\n"
    stream.leave()
    await stream.task


async def test_a_change_that_is_too_long_is_told_without_its_values(make_rest, database) -> None:
    stream = Exchange(make_rest(http_answer_bytes=400), "GET", CHANGES)
    await stream.part()
    tasks = await database.collection("tasks")
    await tasks.insert({"a": "x" * 400}, key="t1")
    change = json.loads(fields(await stream.part())["data"])
    assert (change["after"], change["omitted"]) == (None, ["before", "after"])
    stream.leave()
    await stream.task


async def test_a_splice_that_is_too_long_is_left_out(make_rest, database) -> None:
    rest = make_rest(http_answer_bytes=400, live_limits=LiveLimits(text_chars=100))
    stream = Exchange(rest, "GET", CHANGES)
    await stream.part()
    text = (await database.collection("tasks")).text("plan")
    await text.append("x" * 200)
    await text.append("y" * 400)
    short, long = [json.loads(fields(await stream.part())["data"]) for _ in range(2)]
    assert (short["omitted"], short["splice"]) == (["before", "after"], [0, 0, "x" * 200])
    assert (long["omitted"], "splice" in long) == (["before", "after"], False)
    assert len(json.dumps(long)) <= 400
    stream.leave()
    await stream.task


async def test_stopping_ends_a_stream_in_order(rest) -> None:
    stream = Exchange(rest, "GET", CHANGES)
    await stream.part()
    rest.close()
    await _turns()
    assert stream.task.done()
    assert await stream.part() == b""


async def test_a_reader_that_does_not_read_is_cut_off(rest, clock) -> None:
    stream = Exchange(rest, "GET", CHANGES, room=1)  # for the head; the first event finds none
    await _turns()
    await clock.advance(60.0)
    with pytest.raises(TimeoutError):
        await stream.task


async def test_one_stream_too_many(make_rest) -> None:
    rest = make_rest(http_streams=1)
    first = Exchange(rest, "GET", CHANGES)
    await first.part()
    second = await call(rest, "GET", CHANGES)
    assert (second.status, second.error) == (503, "Overloaded")
    counted = rest._counters
    assert (counted.refusals["503"], counted.limits["http_streams"]) == (1, 1)
    first.leave()
    await first.task


async def test_a_stream_ends_with_the_token_of_its_reader(make_rest, clock) -> None:
    rest = make_rest(authenticate=lambda token: Identity("ann", expires=clock.time() + 20))
    stream = Exchange(rest, "GET", CHANGES)
    await stream.part()
    await _turns()
    await clock.advance(20.0)
    told = [await stream.part() for _ in range(2)]
    ended = fields(told[-1])
    assert (ended["event"], json.loads(ended["data"])["code"]) == ("ended", "unauthorized")
    await _turns()
    assert stream.task.done()


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
