"""Records over REST."""

from __future__ import annotations

import datetime

from tests.support.asgi_client import call

TASKS = "/api/v1/collections/boards%2F42/records"


async def test_a_record_comes_and_goes(rest, database) -> None:
    made = await call(rest, "POST", TASKS, {"title": "Write"})
    key = made.json["key"]
    assert (made.status, made.headers["location"]) == (201, f"records/{key}")
    tasks = await database.collection("boards/42")
    assert await tasks.get(key) == {"title": "Write"}
    put = await call(rest, "PUT", f"{TASKS}/t%2F1", {"title": "a", "done": False})
    assert put.json == {"key": "t/1", "cursors": put.json["cursors"], "nodes": 1}
    await call(rest, "PATCH", f"{TASKS}/t%2F1", {"done": True})
    assert (await call(rest, "GET", f"{TASKS}/t%2F1")).json == {"title": "a", "done": True}
    assert (await call(rest, "DELETE", f"{TASKS}/t%2F1")).status == 200
    assert (await call(rest, "GET", f"{TASKS}/t%2F1")).status == 404


async def test_values_that_json_has_not(rest, database) -> None:
    day = {"@": "date", "v": "2026-11-27"}
    await call(rest, "PUT", f"{TASKS}/x", {"due": day, "big": {"@": "int", "v": str(2**60)}})
    row = await (await database.collection("boards/42")).get("x")
    assert row == {"due": datetime.date(2026, 11, 27), "big": 2**60}
    assert (await call(rest, "GET", f"{TASKS}/x")).json["due"] == day


async def test_pages(rest) -> None:
    for n in range(5):
        await call(rest, "PUT", f"{TASKS}/{n}", {"n": n})
    found, after = [], ""
    while True:
        page = (await call(rest, "GET", f"{TASKS}?limit=2{after}")).json
        found.append([record["key"] for record in page["records"]])
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == [["0", "1"], ["2", "3"], ["4"]]
    assert page["records"] == [{"key": "4", "fields": {"n": 4}}]


async def test_if_match(rest) -> None:
    await call(rest, "PUT", f"{TASKS}/x", {"n": 1})
    version = (await call(rest, "GET", f"{TASKS}/x")).headers["etag"]
    assert (await call(rest, "GET", f"{TASKS}/x", if_none_match=version)).status == 304
    assert (await call(rest, "PATCH", f"{TASKS}/x", {"n": 2}, if_match=f'"other", {version}')).status == 200
    late = await call(rest, "PATCH", f"{TASKS}/x", {"n": 3}, if_match=version)
    assert (late.status, late.error) == (412, "Conflict")
    assert late.json["error"]["retryable"] is False
    assert (await call(rest, "DELETE", f"{TASKS}/x", if_match="*")).status == 200
    assert (await call(rest, "PUT", f"{TASKS}/x", {"n": 4}, if_match="*")).status == 412


async def test_an_answer_that_is_not_sent_again_has_no_length(rest) -> None:
    """It would have to be that of the record."""
    await call(rest, "PUT", f"{TASKS}/x", {"n": 1})
    version = (await call(rest, "GET", f"{TASKS}/x")).headers["etag"]
    told = await call(rest, "GET", f"{TASKS}/x", if_none_match=version)
    assert (told.status, told.headers, told.body) == (304, {"etag": version}, b"")


async def test_a_cache_may_have_made_a_version_weak(rest) -> None:
    """It is as good as the strong one to find out what is known already, and never to write."""
    await call(rest, "PUT", f"{TASKS}/x", {"n": 1})
    version = (await call(rest, "GET", f"{TASKS}/x")).headers["etag"]
    known = await call(rest, "GET", f"{TASKS}/x", if_none_match=f'"other", W/{version}')
    assert known.status == 304
    assert (await call(rest, "GET", f"{TASKS}/x", if_none_match='W/"other"')).status == 200
    assert (await call(rest, "PATCH", f"{TASKS}/x", {"n": 2}, if_match=f"W/{version}")).status == 412


async def test_a_version_that_is_not_to_be_there_is_refused(rest) -> None:
    await call(rest, "PUT", f"{TASKS}/x", {"n": 1})
    version = (await call(rest, "GET", f"{TASKS}/x")).headers["etag"]
    refused = await call(rest, "PUT", f"{TASKS}/x", {"n": 2}, if_none_match=version)
    assert (refused.status, refused.error) == (400, "ValidationError")
    assert "If-None-Match" in refused.json["error"]["message"]
    assert (await call(rest, "GET", f"{TASKS}/x")).json == {"n": 1}


async def test_a_record_that_is_to_be_new(rest) -> None:
    assert (await call(rest, "PUT", f"{TASKS}/x", {"n": 1}, if_none_match="*")).status == 200
    taken = await call(rest, "PUT", f"{TASKS}/x", {"n": 2}, if_none_match="*")
    assert (taken.status, taken.error) == (409, "RecordExists")


async def test_of_two_who_write_to_one_version_one_wins(rest, database, monkeypatch) -> None:
    await call(rest, "PUT", f"{TASKS}/x", {"n": 1})
    version = (await call(rest, "GET", f"{TASKS}/x")).headers["etag"]
    commit = database.commit

    async def overtaken(*args):
        monkeypatch.undo()
        await (await database.collection("boards/42")).update("x", n=5)
        return await commit(*args)

    monkeypatch.setattr(database, "commit", overtaken)
    assert (await call(rest, "PATCH", f"{TASKS}/x", {"n": 2}, if_match=version)).status == 412
    assert (await call(rest, "GET", f"{TASKS}/x")).json == {"n": 5}


async def test_a_list_replaces_a_set_unless_it_says_that_it_is_one(rest, database) -> None:
    tasks = await database.collection("boards/42")
    await tasks.put({"labels": {"a"}}, key="s")
    shown = (await call(rest, "GET", f"{TASKS}/s")).json
    assert shown == {"labels": {"@": "set", "v": ["a"]}}
    await call(rest, "PUT", f"{TASKS}/s", shown)
    assert await tasks.get("s") == {"labels": {"a"}}
    await call(rest, "PATCH", f"{TASKS}/s", {"labels": ["b", "b"]})
    assert await tasks.get("s") == {"labels": ["b", "b"]}
