"""Queries that clients name and the server builds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import protobase_live as pb
from protobase_live import F, Forbidden, Identity, Policy, Query, Rule
from protobase_live.model.operations import RECORDS, Op
from tests.support.asgi_client import call


def my_tasks(identity: Identity, done: bool = False) -> Query:
    return Query("tasks").where((F.owner == identity.author) & (F.done == done)).select("title")


def fails(identity: Identity) -> Query:
    raise RuntimeError("a secret")


def no_query(identity: Identity) -> Any:
    return "tasks"


def secret(identity: Identity) -> Query:
    return Query("secret")


NAMED: Any = {"my_tasks": my_tasks, "fails": fails, "no_query": no_query, "secret": secret}
WRITES = {
    "tasks": [
        Op(RECORDS, "put", ("a", {"title": "Ann's", "owner": "ann", "done": False}, {})),
        Op(RECORDS, "put", ("d", {"title": "Ann did", "owner": "ann", "done": True}, {})),
        Op(RECORDS, "put", ("b", {"title": "Bob's", "owner": "bob", "done": False}, {})),
    ]
}
OPTIONS: Any = {
    "authenticate": Identity,
    "named": NAMED,
    "policy": Policy([Rule("secret", {"sub": "nobody"})]),
}


async def test_the_server_builds_what_a_client_names():
    async with pb.open("memory:") as db, pb.Server(db, port=0, **OPTIONS) as server:
        await db.commit(WRITES)
        async with pb.connect(server.url, token="ann") as ann, pb.connect(server.url, token="bob") as bob:
            assert await ann.named("my_tasks").rows() == [{"title": "Ann's"}]
            assert await ann.named("my_tasks", done=True).rows() == [{"title": "Ann did"}]
            assert await bob.named("my_tasks").rows() == [{"title": "Bob's"}]
            async with bob.named("my_tasks").live() as live:
                await ann.commit({"tasks": [Op(RECORDS, "delete", ("a",))]})
                await ann.commit({"tasks": [Op(RECORDS, "update", ("b", {"title": "B"}, {}))]})
                await anext(aiter(live))
                assert list(live.rows) == [{"title": "B"}]
            assert await ann.query("tasks count") == [{"count": 2}]


def of_my_team(identity: Identity) -> Query:
    return Query("tasks").where(F.owner == identity.claims["team"])


def all_tasks(identity: Identity) -> Query:
    return Query("tasks")


async def test_a_live_query_is_another_one_when_it_would_be_built_otherwise():
    """The policy lets the same be read: who asks has left a team."""
    claims = {"team": "red"}
    named: Any = {"of_my_team": of_my_team, "tasks": all_tasks}
    async with (
        pb.open("memory:") as db,
        pb.Server(
            db, port=0, authenticate=lambda token: Identity(token, claims=claims), named=named
        ) as server,
        pb.connect(server.url, token="ann") as ann,
    ):
        await db.commit(
            {"tasks": [Op(RECORDS, "put", (team, {"owner": team}, {})) for team in ("red", "blue")]}
        )
        async with ann.named("of_my_team").live() as live, ann.named("tasks").live() as other:
            assert [each["owner"] for each in live.rows] == ["red"]
            await server.recheck()
            claims["team"] = "blue"
            await asyncio.gather(server.recheck(), server.recheck())
            async with asyncio.timeout(10):
                await anext(aiter(live))
            assert [each["owner"] for each in live.rows] == ["blue"]
            del claims["team"]
            await server.recheck()
            async with asyncio.timeout(10):
                with pytest.raises(pb.ProtoBaseError, match="'of_my_team' failed"):
                    await anext(aiter(live))
            await db.commit({"tasks": [Op(RECORDS, "delete", ("red",))]})
            await anext(aiter(other))
            assert len(other.rows) == 1


async def test_what_cannot_be_built_is_told(caplog: pytest.LogCaptureFixture):
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0, **OPTIONS) as server,
        pb.connect(server.url, token="ann") as ann,
    ):
        for query, error, message in (
            (ann.named("nothing"), pb.ValidationError, "there is no named query 'nothing'"),
            (ann.named("my_tasks", owner="bob"), pb.ValidationError, "unexpected keyword argument 'owner'"),
            (ann.named("my_tasks", identity="bob"), pb.ValidationError, "multiple values"),
            (ann.named("fails"), pb.ProtoBaseError, "the named query 'fails' failed"),
            (ann.named("fails"), pb.ProtoBaseError, "the named query 'fails' failed"),
            (ann.named("no_query"), pb.ProtoBaseError, "the named query 'no_query' failed"),
            (ann.named("secret"), Forbidden, "may not read collection 'secret'"),
        ):
            with pytest.raises(error, match=message):
                await query.rows()
    assert "a secret" not in caplog.text
    assert caplog.text.count("the named query 'fails' failed: RuntimeError") == 1


async def test_where_only_named_queries_are_run_no_other_is():
    async with (
        pb.open("memory:") as db,
        pb.Server(db, port=0, named_queries_only=True, **OPTIONS) as server,
        pb.connect(server.url, token="ann") as ann,
    ):
        await db.commit(WRITES)
        assert await ann.named("my_tasks").rows() == [{"title": "Ann's"}]
        for forbidden in (
            ann.query("tasks"),
            ann.explain(Query("tasks")),
            ann.live(Query("tasks")).__aenter__(),
        ):
            with pytest.raises(Forbidden, match="only named queries are run here"):
                await forbidden


async def test_over_rest():
    async with pb.open("memory:") as db:
        await db.commit(WRITES)
        app = pb.asgi(db, named_queries_only=True, **OPTIONS)
        ann = {"authorization": "Bearer ann"}
        answer = await call(app, "GET", "/api/v1/named/my_tasks?done=true", **ann)
        assert answer.json == {"rows": [{"title": "Ann did"}]}
        form = {"query": {"named": "my_tasks", "params": {"done": True}}}
        assert (await call(app, "POST", "/api/v1/query", form, **ann)).json == answer.json
        assert (await call(app, "GET", "/api/v1/named/nothing", **ann)).status == 400
        assert (await call(app, "GET", "/api/v1/named/my_tasks?owner=bob", **ann)).status == 400
        assert (await call(app, "POST", "/api/v1/query", {"query": "tasks"}, **ann)).status == 403
