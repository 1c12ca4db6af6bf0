"""Who is admitted to the REST door, and how errors are told."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote

import pytest

from protobase_live.errors import Unauthorized, Unavailable
from protobase_live.model.cursor import START
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.server.authentication import Identity
from protobase_live.server.rest.table import ROUTES
from tests.support.asgi_client import Exchange, call


def only_ann(token: str | None) -> str:
    if token != "ann's":
        raise Unauthorized("the token is not known")
    return "ann"


async def test_a_token_is_wanted_where_somebody_asks_for_one(make_rest, database) -> None:
    rest = make_rest(only_ann)
    refused = await call(rest, "GET", "/api/v1/collections")
    assert (refused.status, refused.error) == (401, "Unauthorized")
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json["error"]["message"] == "the token is not known"
    assert (await call(rest, "GET", "/api/v1/collections", authorization="Basic YQ==")).status == 401
    assert (await call(rest, "GET", "/api/v1/collections", authorization="Bearer ann's")).status == 200
    assert (await call(rest, "GET", "/api/v1/collections?token=ann's")).status == 200
    assert (await call(rest, "GET", "/api/v1/openapi.json")).status == 200


async def test_who_cannot_be_asked_about_now_is_to_come_back(make_rest) -> None:
    def is_down(token: str | None) -> str:
        raise Unavailable(f"who is {token}?")

    refused = await call(
        make_rest(is_down), "GET", "/api/v1/collections", authorization="Bearer s3cr3t-marker"
    )
    assert (refused.status, refused.error) == (503, "Unavailable")
    assert refused.headers["retry-after"] == "1"
    assert "s3cr3t" not in refused.json["error"]["message"]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_nothing_but_the_description_is_for_strangers(make_rest, database, route) -> None:
    path = "/api/v1" + re.sub(r"{\w+}", "x", route.path)
    answer = await call(make_rest(only_ann), route.method, path, {})
    assert answer.status == (200 if route.path == "/openapi.json" else 401)
    assert await database.collections() == []


async def test_who_may_only_read_reads_and_writes_nothing(make_rest, database) -> None:
    rest = make_rest(lambda token: Identity("ann", read_only=True))
    put = {"writes": {"tasks": [["records", ["records"], "put", ["x", {}, {}]]]}}
    await database.commit({"tasks": [Op(RECORDS, "put", ("t1", {"title": "a"}, {}))]})
    assert (await call(rest, "GET", "/api/v1/collections/tasks/records/t1")).json == {"title": "a"}
    assert (await call(rest, "POST", "/api/v1/query", {"query": "tasks count"})).status == 200
    for method, path, body in (
        ("PUT", "/collections/tasks/records/t2", {}),
        ("DELETE", "/collections/tasks", None),
        ("DELETE", "/collections/tasks/records/t1", None),
        ("POST", "/transactions", put),
    ):
        refused = await call(rest, method, f"/api/v1{path}", body)
        assert (refused.status, refused.error) == (403, "Forbidden")
    assert await database.read("tasks", Read(RECORDS, "count")) == 1


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
async def test_nothing_leads_to_the_servers_own_collections(rest, database, route) -> None:
    own = "protobase:requests/5"
    path = re.sub(r"{\w+}", "x", route.path.replace("{collection}", quote(own, safe="")))
    bodies = {"/query": {"query": own}, "/transactions": {"writes": {own: []}}}
    async with asyncio.timeout(10):  # a stream of changes would never end
        answer = await call(rest, route.method, f"/api/v1{path}", bodies.get(route.path, {}))
    if "{collection}" in route.path or route.path in bodies:
        assert answer.status == 400
        assert "is reserved" in answer.json["error"]["message"]
    assert await database.collections("protobase:") == []


async def test_who_it_is_by_the_token_is_the_author(make_rest, database) -> None:
    rest = make_rest(only_ann)
    body = {"writes": {"a": [["records", ["records"], "put", ["x", {}, {}]]]}, "author": "bob"}
    async with database.changes("a") as changes:
        done = await call(rest, "POST", "/api/v1/transactions", body, authorization="Bearer ann's")
        assert done.status == 200
        assert [change.author for change in await changes.batch(1)] == ["ann"]


async def test_pages_of_other_origins_are_refused(rest) -> None:
    refused = await call(rest, "GET", "/api/v1/collections", origin="https://evil.example")
    assert refused.status == 403
    assert "https://evil.example" in refused.json["error"]["message"]
    assert "access-control-allow-origin" not in refused.headers


async def test_a_host_that_only_a_page_can_have_asked_for_is_refused(rest) -> None:
    """Its name stands for this machine now; what reads from it has no origin."""
    refused = await call(rest, "GET", "/api/v1/collections", host="evil.example:8765")
    assert refused.status == 403
    assert "evil.example" in refused.json["error"]["message"]


async def test_pages_that_may_read_are_told_so(rest) -> None:
    origin = "http://localhost:5173"
    answer = await call(rest, "GET", "/api/v1/collections", origin=origin)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, origin)
    asked = await call(rest, "OPTIONS", "/api/v1/transactions", origin=origin)
    assert asked.status == 204
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in asked.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("GET", "/api/v1/nothing", None, 404, "ValidationError"),
        ("GET", "/api/v2/collections", None, 404, "ValidationError"),
        ("GET", "/api/v1/collections//records", None, 404, "ValidationError"),
        ("POST", "/api/v1/collections", None, 405, "ValidationError"),
        ("GET", "/api/v1/collections/a/records/none", None, 404, "RecordMissing"),
        ("PATCH", "/api/v1/collections/a/records/none", {"x": 1}, 404, "RecordMissing"),
        ("PATCH", "/api/v1/collections/a/records/none", [1], 400, "ValidationError"),
        ("PUT", "/api/v1/collections/a/records/x", None, 400, "ValidationError"),
        ("PUT", "/api/v1/collections/a/records/x", b"{", 400, "ValidationError"),
        ("PUT", "/api/v1/collections/a%00/records/x", {}, 400, "InvalidName"),
        ("PUT", "/api/v1/collections/a%FF/records/x", {}, 400, "ValidationError"),
        ("GET", "/api/v1/collections/a/records?limit=0", None, 400, "ValidationError"),
        ("GET", "/api/v1/collections/a/records?limit=1001", None, 400, "ValidationError"),
        ("POST", "/api/v1/query", {"query": "where"}, 400, "ValidationError"),
        ("POST", "/api/v1/query", {"query": "a", "more": 1}, 400, "ValidationError"),
        ("POST", "/api/v1/transactions", {"writes": {"a": [1]}}, 400, "ProtocolError"),
        ("GET", "/api/v1/collections/a/changes?since=no", None, 400, "ValidationError"),
    ],
)
async def test_errors(rest, method: str, path: str, body, status: int, error: str) -> None:
    answer = await call(rest, method, path, body)
    assert (answer.status, answer.error) == (status, error)
    assert set(answer.json["error"]) == {"type", "code", "message", "retryable"}


async def test_a_method_that_is_not_for_a_path_is_told_those_that_are(rest) -> None:
    assert (await call(rest, "PUT", "/api/v1/query", {})).headers["allow"] == "POST, OPTIONS"


async def test_head_is_answered_as_get_without_a_body(rest) -> None:
    await call(rest, "PUT", "/api/v1/collections/a/records/x", {"n": 1})
    for path in (
        "openapi.json",
        "collections",
        "collections/a/records/x",
        "collections/a/records/none",
        "none",
    ):
        asked, told = [await call(rest, method, f"/api/v1/{path}") for method in ("GET", "HEAD")]
        assert (told.status, told.headers, told.body) == (asked.status, asked.headers, b"")
    assert (await call(rest, "HEAD", "/api/v1/query")).status == 405
    assert (await call(rest, "OPTIONS", "/api/v1/collections")).headers["allow"] == "GET, HEAD, OPTIONS"


async def test_the_head_of_a_stream_ends(rest) -> None:
    told = await call(rest, "HEAD", "/api/v1/collections/a/changes")
    assert (told.status, told.headers["content-type"], told.body) == (200, "text/event-stream", b"")


async def test_a_body_of_another_type(rest) -> None:
    answer = await call(rest, "PUT", "/api/v1/collections/a/records/x", b"a=1", content_type="text/plain")
    assert answer.status == 415


async def test_a_body_that_is_too_long(make_rest) -> None:
    rest = make_rest(http_body_bytes=10)
    path, long = "/api/v1/collections/a/records/x", b'{"title": "long"}'
    assert (await call(rest, "PUT", path, long)).status == 413
    announced = await call(rest, "PUT", path, b"", content_length="11")
    assert (announced.status, announced.error) == (413, "LimitExceeded")
    assert "http_body_bytes" in announced.json["error"]["message"]
    assert (await call(rest, "PUT", path, b'{"a": 1}')).status == 200


async def test_one_request_too_many(make_rest, database) -> None:
    rest = make_rest(_waiting, http_requests=1)
    first = Exchange(rest, "GET", "/api/v1/collections")
    await _turns()
    second = await call(rest, "GET", "/api/v1/openapi.json")
    assert (second.status, second.error) == (503, "Overloaded")
    assert second.headers["retry-after"] == "1"
    first.task.cancel()
    await asyncio.wait([first.task])
    assert (await call(rest, "GET", "/api/v1/openapi.json")).status == 200


async def test_a_request_that_takes_too_long(make_rest, clock) -> None:
    rest = make_rest(_waiting, request_seconds=9.0)  # authenticate_seconds are 10
    exchange = Exchange(rest, "GET", "/api/v1/collections")
    await _turns()
    await clock.advance(9.0)
    answer = await exchange.response()
    assert (answer.status, answer.error) == (504, "Unavailable")


async def test_whatever_is_refused_at_a_limit_of_all_requests_is_counted_once(make_rest, clock) -> None:
    rest = make_rest(_waiting, http_requests=1, request_seconds=9.0)
    first = Exchange(rest, "GET", "/api/v1/collections")
    await _turns()
    assert (await call(rest, "GET", "/api/v1/collections")).status == 503
    counted = rest._counters
    assert counted.refusals.figure.values == {"503": 1}
    assert counted.limits.figure.values == {"http_requests": 1}
    await clock.advance(9.0)
    assert (await first.response()).status == 504
    assert counted.refusals.figure.values == {"503": 1, "504": 1}
    assert counted.limits.figure.values == {"http_requests": 1, "request_seconds": 1}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/collections/a/records", None),
        ("GET", "/collections/a/records/x", None),
        ("GET", "/collections/a/records/x/texts/note", None),
        ("GET", "/collections/a/texts/t", None),
        ("GET", "/collections/a/fragments/f", None),
        ("POST", "/query", {"query": "a"}),
        ("POST", "/query", {"query": "a where n = 1 or n = 2 or n = 3", "explain": True}),
    ],
)
async def test_an_answer_that_is_too_long(make_rest, database, method, path, body) -> None:
    long = {"text": "x" * 200}
    rest, short = make_rest(), make_rest(http_answer_bytes=150)
    await call(rest, "PUT", "/api/v1/collections/a/records/x", long)
    for text in ("records/x/texts/note", "texts/t"):
        await call(rest, "PUT", f"/api/v1/collections/a/{text}", long)
    fragment = "/api/v1/collections/a/fragments/f"
    await call(rest, "PUT", fragment, long["text"].encode(), content_type="text/plain")
    assert (await call(rest, method, f"/api/v1{path}", body)).status == 200
    refused = await call(short, method, f"/api/v1{path}", body)
    assert (refused.status, refused.error) == (422, "LimitExceeded")
    assert "150 bytes (http_answer_bytes)" in refused.json["error"]["message"]


async def test_an_answer_is_as_long_as_it_may_be_with_all_that_is_in_it(make_rest) -> None:
    path = "/api/v1/collections/a/records"
    rest = make_rest()
    await call(rest, "PUT", f"{path}/x", {"n": 1})
    length = len((await call(rest, "GET", path)).body)
    assert (await call(make_rest(http_answer_bytes=length), "GET", path)).status == 200
    assert (await call(make_rest(http_answer_bytes=length - 1), "GET", path)).status == 422


async def test_stopping_refuses_what_comes(rest) -> None:
    rest.close()
    answer = await call(rest, "GET", "/api/v1/collections")
    assert (answer.status, answer.error) == (503, "Unavailable")


async def _waiting(token: str | None) -> None:
    await asyncio.Event().wait()


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (
            "/collections?limti=5",
            "the address has a parameter 'limti', which means nothing here; did you mean 'limit'?",
        ),
        ("/collections/tasks/changes?sinse=x", "'sinse', which means nothing here; did you mean 'since'?"),
        ("/collections/tasks/records/t1?limit=5", "'limit', which means nothing here"),
        ("/collections/notes/fragments/f?dialect=tiptap", "'dialect', which means nothing here"),
        ("/inspection?load=true", "'load', which means nothing here; did you mean 'loaded'?"),
    ],
)
async def test_a_parameter_that_means_nothing_is_refused(rest, path, says) -> None:
    refused = await call(rest, "GET", f"/api/v1{path}")
    assert (refused.status, says in refused.json["error"]["message"]) == (400, True)


async def test_the_description_says_where_changes_begin(rest) -> None:
    told = (await call(rest, "GET", "/api/v1/openapi.json")).json
    since = told["paths"]["/collections/{collection}/changes"]["get"]["parameters"]
    assert any("koAA: the beginning" in each.get("description", "") for each in since)
    assert START == "koAA", "docs/http.md says so"


async def test_a_field_that_means_nothing_is_refused_with_the_nearest(rest) -> None:
    refused = await call(rest, "POST", "/api/v1/query", {"query": "tasks", "parms": {}})
    said = "the body has a field 'parms' (str), which means nothing here; did you mean 'params'?"
    assert (refused.status, refused.json["error"]["message"]) == (400, said)


CONDITIONAL = [
    (route, name)
    for route in ROUTES
    for name in ("If-Match", "If-None-Match")
    if name not in {each["name"] for each in route.says.get("parameters", ())}
    and (route.method, name) != ("GET", "If-None-Match")
]
"""Routes, and the conditions that they do not look at."""


@pytest.mark.parametrize(("route", "name"), CONDITIONAL, ids=lambda each: getattr(each, "path", each))
async def test_a_condition_that_is_not_looked_at_is_refused(make_rest, database, route, name) -> None:
    """What it should hold back would be done."""
    await database.commit({"x": [Op(RECORDS, "put", ("x", {"n": 1}, {}))]})
    path = "/api/v1" + re.sub(r"{\w+}", "x", route.path)
    async with asyncio.timeout(10):  # a stream of changes would never end
        refused = await call(make_rest(), route.method, path, {}, **{name: '"other"'})
    said = f"the request has the condition {name}, which means nothing here: nothing was done"
    assert (refused.status, refused.json["error"]["message"]) == (400, said)
    assert await database.read("x", Read(RECORDS, "items")) == [["x", {"n": 1}]]


async def test_what_a_cache_asks_of_an_answer_that_has_no_version(rest) -> None:
    """One in between may have given it a version of its own."""
    assert (await call(rest, "GET", "/api/v1/collections", if_none_match='W/"other"')).status == 200
