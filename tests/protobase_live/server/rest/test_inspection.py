"""What the inspector shows, over REST."""

from __future__ import annotations

from protobase_storage import Commit
from tests.support.asgi_client import call

AT = "/api/v1/inspection"


async def test_the_whole_of_it(rest, database) -> None:
    await (await database.collection("tasks")).insert({"n": 1}, key="t1")
    told = (await call(rest, "GET", AT)).json
    assert told.keys() == {"collections", "next", "node", "sessions", "live_queries", "storage"}
    assert (told["node"]["node"], told["node"]["links"]) == (database.node, [])
    assert told["sessions"] == {}
    assert (told["storage"]["collections"], told["storage"]["failure"]) == (1, None)
    [tasks] = told["collections"]
    assert (tasks["name"], tasks["log_commits"], tasks["people"]) == ("tasks", 1, 0)
    assert tasks["listeners"] == {"editors": 0, "streams": 0, "live_queries": 0}
    assert tasks["actor"]["state"] == "running"


async def test_pages(rest, database) -> None:
    for name in ("a", "b", "c"):
        await (await database.collection(name)).insert({"n": 1})
    first = (await call(rest, "GET", f"{AT}?limit=2")).json
    assert ([each["name"] for each in first["collections"]], first["next"]) == (["a", "b"], "b")
    second = (await call(rest, "GET", f"{AT}?limit=2&after=b")).json
    assert ([each["name"] for each in second["collections"]], second["next"]) == (["c"], None)
    assert (await call(rest, "GET", f"{AT}?prefix=b")).json["collections"][0]["name"] == "b"


async def test_only_those_in_memory(rest, database) -> None:
    await database.storage.append([Commit("n/1", 1, "stored", b"\x00\x00", (), 1.0)])
    await database.ref("loaded")
    for asked, names in (("true", ["loaded"]), ("false", ["loaded", "stored"])):
        told = (await call(rest, "GET", f"{AT}?loaded={asked}")).json
        assert [each["name"] for each in told["collections"]] == names
    refused = await call(rest, "GET", f"{AT}?loaded=1")
    assert (refused.status, refused.error) == (400, "ValidationError")
    assert refused.json["error"]["message"] == "loaded is '1' (str); expected true or false"


async def test_it_may_be_switched_off(make_rest) -> None:
    answer = await call(make_rest(inspector=False), "GET", AT)
    assert answer.status == 404
    assert "switched off" in answer.json["error"]["message"]


async def test_a_database_that_is_closed(rest, database) -> None:
    await database.close()
    answer = await call(rest, "GET", AT)
    assert (answer.status, answer.error) == (503, "Closed")


async def test_how_many_sessions_a_door_has(rest) -> None:
    with rest._counters.session("yjs"), rest._counters.session("yjs"):
        assert (await call(rest, "GET", AT)).json["sessions"] == {"yjs": 2}
    assert (await call(rest, "GET", AT)).json["sessions"] == {"yjs": 0}
