"""What clients may do at each door of a server, and what ends when they no longer may."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pycrdt import Doc, Map

import protobase_live as pb
from protobase_actors import OrderedSet, SystemClock
from protobase_live import Forbidden, Identity, LimitExceeded, Policy, Query, Rule, ValidationError
from protobase_live.model.operations import RECORDS, Check, Op, Read, Target
from protobase_live.protocol.hocuspocus import messages as hocuspocus
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.query.ast.tree import Where
from protobase_live.query.engine import effort
from protobase_live.server.authority import Authority
from protobase_live.server.authorization import Authorization
from protobase_live.server.limits import ServerLimits
from protobase_live.server.permitted_database import PermittedDatabase, PermittedShare
from tests.protobase_live.server.test_server import get
from tests.support import raw
from tests.support.asgi_client import Exchange, call
from tests.support.hocuspocus import AUTH, client_of
from tests.support.stock_awareness import StockAwareness

PUT = Op(RECORDS, "put", ("k", {"n": 1}, {}))
GET = Read(RECORDS, "get", ("k",))
ALL = ["read", "write", "presence", "admin"]


def who(token: str | None) -> Identity:
    """``ann`` of the red team has the token ``ann/red``."""
    name, _, team = (token or "").partition("/")
    return Identity(name or None, claims={"team": team})


@asynccontextmanager
async def serving(*rules: Rule, **options: Any) -> AsyncIterator[pb.Server]:
    async with pb.open("memory:") as db:
        for name in ("open", "red", "secret"):
            await db.commit({name: [PUT]})
        policy = Policy(rules) if rules else None
        async with pb.Server(db, port=0, authenticate=who, policy=policy, **options) as server:
            server.db = db  # type: ignore[attr-defined]
            yield server


def live(server: pb.Server, token: str = "ann/red"):
    return pb.connect(f"{server.url}/live".replace("http", "ws"), token=token)


RED = Rule("red", {"team": "red"}, ALL)
SECRET = Rule("secret", {"sub": "nobody"})


@pytest.mark.parametrize("name", ["secret", "secret that is not there"])
async def test_at_the_live_door_nothing_is_done_with_what_no_rule_lets_in(name: str):
    async with serving(Rule("secret*", {"sub": "nobody"})) as server, live(server) as db:
        doing = [
            db.read(name, GET),
            db.commit({name: [PUT]}),
            db.commit({"open": [PUT], name: [PUT]}),
            db.commit({"open": [PUT]}, [Check(name, GET, b"")]),
            db.query(Query(name)),
            db.query(Query("open").join(name, on="n")),
            db.query(Query("open").union(Query("open").join(Query(name), on="n"))),
            db.explain(Query(name)),
            db.drop(name),
            db.state_hash(name),
            db.backup(name),
            db.restore(name, b""),
            db.changes(name).__aenter__(),
            db.live(Query("open").join(name, on="n")).__aenter__(),
            db.presence(name, {"name": "ann"}).__aenter__(),
            db.presence(name).__aenter__(),
        ]
        for each in doing:
            with pytest.raises(Forbidden, match=rf"^you may not .* collection '{name}' \(\w+\)$"):
                await each
        with pytest.raises(Forbidden, match="may not administer this server"):
            await db.cluster_status()
        assert [each.name for each in await db.collections()] == ["open", "red"]
        cursor = (await db.commit({"open": [Op(RECORDS, "put", ("new", {}, {}))]})).cursors
        assert cursor.keys() == {"open"}
        assert await server.db.read("secret", GET) == {"n": 1}
        assert await server.db.read("open", Read(RECORDS, "count")) == 2


async def test_who_is_let_in_does_what_the_actions_say():
    async with (
        serving(Rule("red", {"team": "red"}, "read presence"), Rule("red", None, "presence")) as server,
        live(server) as db,
        live(server, "bob/blue") as other,
    ):
        assert await db.read("red", GET) == {"n": 1}
        assert await db.query(Query("red").count()) == [{"count": 1}]
        for forbidden in (db.commit({"red": [PUT]}), db.drop("red"), other.read("red", GET)):
            with pytest.raises(Forbidden):
                await forbidden
        async with db.presence("red", {"name": "ann"}) as here, other.presence("red", "bob"):
            async for states in here:
                if "bob" in states.values():
                    break
        assert [each.name for each in await other.collections()] == ["open", "secret"]


async def test_at_the_rest_door_nothing_is_done_with_what_no_rule_lets_in():
    async with pb.open("memory:") as db:
        await db.commit({"secret": [PUT], "open": [PUT]})
        app = pb.asgi(db, authenticate=who, policy=Policy([SECRET]), inspector=True)
        secret = "/api/v1/collections/secret"
        asked = [
            ("GET", f"{secret}/records", None),
            ("GET", f"{secret}/records/k", None),
            ("GET", f"{secret}/records/missing", None),
            ("POST", f"{secret}/records", {}),
            ("PUT", f"{secret}/records/k", {}),
            ("PATCH", f"{secret}/records/k", {}),
            ("DELETE", f"{secret}/records/k", None),
            ("DELETE", secret, None),
            ("GET", f"{secret}/changes", None),
            ("GET", f"{secret}/texts/body", None),
            ("PUT", f"{secret}/texts/body", {"text": "a"}),
            ("GET", f"{secret}/fragments/body", None),
            ("POST", "/api/v1/query", {"query": "open join secret on n"}),
            ("POST", "/api/v1/query", {"query": "secret", "explain": True}),
            ("POST", "/api/v1/transactions", {"writes": {"open": [], "secret": []}}),
            ("GET", "/api/v1/inspection", None),
        ]
        conditional = [
            *((method, f"{secret}/records/k") for method in ("PUT", "PATCH", "DELETE")),
            ("PUT", f"{secret}/texts/body"),
        ]
        for method, path, body in asked:
            for headers in ({}, {"idempotency-key": "a"}, {"if-match": '"x"'}):
                answer = await call(app, method, path, body, authorization="Bearer ann", **headers)
                means_nothing = "if-match" in headers and (method, path) not in conditional
                refused = (400, "ValidationError") if means_nothing else (403, "Forbidden")
                assert (answer.status, answer.error) == refused, (method, path, headers)
                assert '"n"' not in answer.body.decode()
                if means_nothing:  # in the same words whether there is such a collection
                    nowhere = path.replace("secret", "nowhere")
                    other = await call(app, method, nowhere, body, authorization="Bearer ann", **headers)
                    assert other.body == answer.body
        names = (await call(app, "GET", "/api/v1/collections", authorization="Bearer ann")).json
        assert [each["name"] for each in names["collections"]] == ["open"]
        assert await db.read("secret", GET) == {"n": 1}


async def test_what_was_answered_before_is_told_to_nobody_who_may_not_write_any_more():
    policy = Policy([Rule("tasks", {"team": "red"}, ["write"])])
    async with pb.open("memory:") as db:
        app = pb.asgi(db, authenticate=who, policy=policy)
        asked = "POST", "/api/v1/collections/tasks/records", {"n": 1}
        told = {"idempotency-key": "a"}
        first = await call(app, *asked, authorization="Bearer ann/red", **told)
        assert first.status == 201
        again = await call(app, *asked, authorization="Bearer ann/red", **told)
        assert (again.status, again.json["key"]) == (201, first.json["key"])
        assert (await call(app, *asked, authorization="Bearer ann/blue", **told)).status == 403


async def test_what_the_inspector_shows_is_for_who_administers_the_server():
    async with pb.open("memory:") as db:
        await db.commit({"secret": [PUT], "open": [PUT]})

        def authorize(identity: Identity, action: str, collection: str) -> bool:
            return collection != "secret"

        policy = Policy([Rule("*", {"team": "red"}, ALL)])
        app = pb.asgi(db, authenticate=who, policy=policy, authorize=authorize, inspector=True)
        path = "/api/v1/inspection?limit=1"
        assert (await call(app, "GET", path, authorization="Bearer bob/blue")).status == 403
        shown = await call(app, "GET", path, authorization="Bearer ann/red")
        assert [each["name"] for each in shown.json["collections"]] == ["open"]
        assert shown.json["next"] is None


async def test_who_comes_back_is_told_what_may_be_seen():
    """With a cursor as without one."""
    rules = Rule("red", {"sub": "ann"}, "read", where="n = 1"), Rule("red", {"sub": "bob"}, "read write")
    async with serving(*rules) as server, live(server) as ann, live(server, "bob/blue") as bob:
        async with ann.changes("red") as changes:
            cursor = changes.cursor
        await bob.commit({"red": [Op(RECORDS, "put", ("hidden", {"n": 2}, {}))]})
        await bob.commit({"red": [Op(RECORDS, "put", ("shown", {"n": 1}, {}))]})
        async with ann.changes("red", since=cursor) as changes:
            assert (await anext(changes)).key == "shown"


@pytest.mark.parametrize(
    "target",
    [Target("dict", ()), Target("records", ()), Target("set", ("records", "k")), Target("?", ("k",))],
)
async def test_what_can_be_no_structure_is_refused_and_nobody_else_notices(target: Target):
    rules = Rule("red", {"sub": "bob"}, "read write", where="n = 1"), Rule("red", {"sub": "ann"}, ALL)
    async with (
        serving(*rules) as server,
        live(server) as ann,
        live(server, "bob/blue") as bob,
        ann.changes("red") as changes,
    ):
        with pytest.raises(ValidationError, match="red: "):
            await bob.commit({}, [Check("red", Read(target, "items", ()), bytes(8))])
        with pytest.raises(ValidationError, match="red: "):
            await bob.read("red", Read(target, "items", ()))
        await ann.commit({"red": [Op(RECORDS, "put", ("other", {"n": 1}, {}))]})
        assert (await anext(changes)).key == "other"


ROWS = {"a": {"team": "red"}, "b": {"team": "blue"}, "c": {"team": "red", "public": True}}
"""The last one is hidden of the blue team."""
TEAM = Rule("red", None, "read", where=pb.F.team == pb.identity.team)
PUBLIC = Rule("red", None, "read", where=pb.F.public == True)  # noqa: E712


class Follower:
    """Keeps a copy of what a stream tells."""

    def __init__(self) -> None:
        self.copy: dict[str, Any] = {}
        self.kinds: list[str] = []
        self.cursor: str | None = None

    async def follow(self, changes: Any, last: str) -> None:
        """Until the change of this key is told."""
        async with asyncio.timeout(10):
            while True:
                change = await anext(changes)
                self.cursor = change.cursor
                self.kinds.append(change.kind)
                if change.kind == "reset":
                    self.copy.clear()
                elif change.after is None:
                    self.copy.pop(change.key, None)
                else:
                    self.copy[change.key] = change.after
                if change.key == last:
                    return


@asynccontextmanager
async def following(*rules: Rule) -> AsyncIterator[tuple[pb.Server, Policy, Any]]:
    """A server with rows of both teams, and how to write a public record that both see as the last one."""
    policy = Policy(rules)
    async with pb.open("memory:") as db:
        red = await db.collection("red")
        for key, fields in ROWS.items():
            await red.insert(fields, key=key)
        async with pb.Server(db, port=0, authenticate=who, policy=policy) as server:
            server.db = db  # type: ignore[attr-defined]

            async def mark(key: str) -> None:
                await red.insert({"team": "red", "public": True}, key=key)

            yield server, policy, mark


async def test_a_stream_tells_anew_what_there_is_when_rules_let_more_or_less_be_read():
    async with following(TEAM) as (server, policy, mark), live(server) as ann:
        seen = Follower()
        async with ann.changes("red", since=pb.START) as changes:
            for number, rules in enumerate(([TEAM], [PUBLIC], [Rule("red", None, "read")], [TEAM])):
                policy.rules = rules
                await server.recheck()
                await mark(f"m{number}")
                await seen.follow(changes, f"m{number}")
                assert seen.copy == dict(await (await ann.collection("red")).items())
        assert seen.kinds.count("reset") == 3


async def cursor_of_all(server: pb.Server) -> str:
    async with server.db.changes("red") as changes:  # type: ignore[attr-defined]
        return changes.cursor


async def test_what_was_told_anew_is_told_once_whatever_is_hidden_behind_it():
    async with following(TEAM) as (server, _, _), live(server, "bob/blue") as bob:
        seen = Follower()
        async with bob.changes("red", since=await cursor_of_all(server)) as changes:
            await seen.follow(changes, "b")
        await (await server.db.collection("red")).insert({"team": "blue"}, key="d")  # type: ignore[attr-defined]
        async with bob.changes("red", since=seen.cursor) as changes:
            await seen.follow(changes, "d")
        assert seen.kinds.count("reset") == 1


async def test_a_cursor_of_who_was_told_nothing_yet_begins_anew():
    async with following(TEAM) as (server, _, mark), live(server) as ann:
        cursor = await cursor_of_all(server)
        async with ann.changes("red", since=cursor) as changes:
            cursor = changes.cursor
        seen = Follower()
        async with ann.changes("red", since=cursor) as changes:
            await mark("m")
            await seen.follow(changes, "m")
        assert seen.kinds[0] == "reset"


async def test_recheck_that_changes_nothing_lets_a_stream_go_on():
    async with (
        following(TEAM) as (server, policy, mark),
        live(server) as ann,
        ann.changes("red") as changes,
    ):
        policy.rules = [Rule("red", None, "read", where=pb.F.team == pb.identity.team)]
        await server.recheck()
        await mark("m")
        assert (await anext(changes)).key == "m"


async def test_who_comes_back_with_other_claims_is_told_anew_what_there_is():
    """With the same ones, he goes on."""
    async with following(TEAM, PUBLIC) as (server, _, mark):
        seen = Follower()
        async with live(server, "ann/red") as ann, ann.changes("red", since=pb.START) as changes:
            await mark("m")
            await seen.follow(changes, "m")
        assert sorted(seen.copy) == ["a", "c", "m"]
        await mark("n")
        async with live(server, "ann/red") as ann, ann.changes("red", since=seen.cursor) as changes:
            await seen.follow(changes, "n")
        assert "reset" not in seen.kinds
        async with live(server, "ann/blue") as ann, ann.changes("red", since=seen.cursor) as changes:
            await seen.follow(changes, "n")
        assert sorted(seen.copy) == ["b", "c", "m", "n"]
        assert seen.kinds.count("reset") == 1


async def test_a_stream_ends_when_another_token_lets_other_rows_be_seen_and_begins_anew():
    async with pb.open("memory:") as db:
        for key, fields in ROWS.items():
            await db.commit({"red": [Op(RECORDS, "put", (key, fields, {}))]})
        authorization = Authorization(SystemClock(), ServerLimits(), Policy([TEAM]))
        authority = Authority(authorization, OrderedSet(), who("ann/red"))
        permitted = PermittedDatabase(db, authority)  # type: ignore[arg-type]
        async with permitted.changes("red") as changes:
            cursor = changes.cursor
            await authority.renew(who("ann/blue"))
            with pytest.raises(pb.Unavailable):
                await changes.batch(10)
        async with permitted.changes("red", cursor) as changes:
            seen = await asyncio.wait_for(changes.batch(10), 10)
        assert [(each.kind, each.key) for each in seen] == [("reset", None), ("insert", "b")]


async def test_a_cursor_of_who_sees_all_is_as_it_was_and_one_of_before_is_taken():
    async with (
        following(Rule("red", {"sub": "bob"}, "read write"), TEAM) as (server, _, mark),
        live(server, "bob/") as bob,
        live(server) as ann,
    ):
        async with asyncio.timeout(10):
            receipt = await bob.commit({"red": [PUT]})
            async with bob.changes("red", since=receipt.cursors["red"]) as changes:
                whole = changes.cursor
            assert "~" not in whole + receipt.cursors["red"]
            async with ann.changes("red", since=whole) as changes:
                assert (await anext(changes)).kind == "reset"
            async with ann.changes("red") as changes:
                part = changes.cursor
            await mark("m")
            assert part.startswith(f"{whole}~")
            async with bob.changes("red", since=part) as changes:
                assert (await anext(changes)).kind == "reset"


async def test_the_cursor_of_what_one_has_written_goes_on_from_there():
    mine = Rule("red", None, "read write", where="team = identity.team")
    async with following(mine) as (server, _, mark), live(server) as ann:
        receipt = await ann.commit({"red": [Op(RECORDS, "put", ("mine", {"team": "red"}, {}))]})
        await mark("m")
        async with ann.changes("red", since=receipt.cursors["red"]) as changes:
            assert (await anext(changes)).key == "m"


class Watched:
    """A share that remembers what it was asked to watch."""

    def __init__(self) -> None:
        self.queries: list[Query] = []

    async def watch(self, query: Query, since: str | None = None) -> Any:
        self.queries.append(query)
        return self

    def close(self) -> None: ...


async def test_who_comes_back_to_a_live_query_watches_what_may_be_seen():
    policy = Policy([Rule("red", {"sub": "ann"}, "read", where="n = 1")])
    authority = Authority(Authorization(SystemClock(), ServerLimits(), policy), OrderedSet(), Identity("ann"))
    watched = Watched()
    share: Any = PermittedShare(watched, authority)  # type: ignore[arg-type]
    for since in (None, "a cursor"):
        (await share.watch(Query("red"), since)).close()
    assert watched.queries == [Query("red", steps=[Where(pb.F.n == 1, guards=True)])] * 2


async def test_whether_a_query_fails_does_not_tell_what_is_hidden(monkeypatch: pytest.MonkeyPatch):
    """Its conditions are asked of the rows that may be seen, whichever way they are written."""
    monkeypatch.setattr(effort, "MAX_STEPS", 1_000)
    heavy = pb.F.n.in_([2]) & pb.param("text").like("%_x%")
    queries = [Query("red").where(each) for each in (heavy, (heavy != False), pb.F.a == heavy)]  # noqa: E712
    queries += [each.order_by("n") for each in queries] + [Query("red").order_by("n").where(heavy)]
    async with serving(Rule("red", {"sub": "ann"}, "read", where="n = 1"), RED) as server:
        await server.db.commit({"red": [Op(RECORDS, "put", ("hidden", {"n": 2}, {}))]})  # type: ignore[attr-defined]
        async with live(server, "ann/blue") as ann, live(server, "bob/red") as bob:
            for query in queries:
                await ann.query(query, {"text": "x" * 5_000})
                async with ann.live(query, {"text": "x" * 5_000}):
                    pass
                with pytest.raises(LimitExceeded, match="MAX_STEPS"):
                    await bob.query(query, {"text": "x" * 5_000})


async def test_who_may_write_parts_restores_nothing():
    """A backup is written as a whole; who only administers may, as with making one."""
    rules = [
        Rule("red", actions="admin"),
        Rule("red", {"sub": "ann"}, "read write"),
        Rule("red", {"sub": "bob"}, "read"),
        Rule("red", {"sub": "bob"}, "write", where="a = 1"),
    ]
    async with (
        serving(*rules) as server,
        live(server) as ann,
        live(server, "bob/blue") as bob,
        live(server, "eve/") as eve,
    ):
        stored = await ann.backup("red")
        await ann.drop("red")
        with pytest.raises(Forbidden, match="as a whole, but in parts"):
            await bob.restore("red", stored)
        await eve.restore("red", stored)
        assert await ann.read("red", GET) == {"n": 1}


async def test_who_may_write_and_not_read_is_told_no_length():
    rules = Rule("red", actions="write"), Rule("open", None, "write", fields=["body"])
    longer = Op(Target("text", ("notes",)), "insert", (0, "x" * 1234))
    beyond = Op(Target("text", ("notes",)), "insert", (10**6, "x"))
    field = Op(Target("text", ("records", "k", "body")), "insert", (10**6, "x"))
    async with serving(*rules) as server, live(server) as ann:
        await ann.commit({"red": [longer]})
        await server.db.commit({"open": [Op(RECORDS, "put", ("k", {"body": "y" * 1234}, {"body": "text"}))]})
        for name, op in (("red", beyond), ("open", field)):
            with pytest.raises(pb.ValidationError, match="index 1000000 is out of range") as raised:
                await ann.commit({name: [op]})
            assert "1234" not in str(raised.value)


# Yjs clients


async def test_yjs_clients_are_closed_where_no_rule_lets_them_in():
    async with serving(SECRET, Rule("own", None, where="a = 1")) as server:
        url = server.url.replace("http", "ws") + "/yjs"
        for name, expected in (("secret", 4403), ("own", 4403)):
            refused = await raw.dial(url, name, "?token=ann")
            assert await raw.close_code(refused) == expected
        async with client_of(server) as client:
            await client.say("secret", AUTH)
            name, message = await client.hear()
            assert name == "secret"
            assert b"4403 you may not read collection 'secret' (read)" in message
            await client.open("open")


async def test_a_yjs_client_that_may_not_write_reads_on():
    async with serving(Rule("red", None, "read")) as server:
        url, doc = server.url.replace("http", "ws") + "/yjs", Doc()
        connection = await raw.join(url, "red", doc)
        assert doc.get("records", type=Map).to_py() == {"k": {"n": 1}}
        other = Doc()
        other.get("records", type=Map)["mine"] = Map({"n": 1})
        await connection.send(yjs.encode_update(other.get_update()))
        while not isinstance(told := await raw.receive(connection), yjs.PermissionDenied):
            pass
        assert told.reason == "you may read here, and not write"
        assert await server.db.read("red", Read(RECORDS, "keys", (None, 10))) == ["k"]
        await connection.close()


async def test_who_may_not_be_present_says_and_hears_nothing_and_edits_on():
    rules = Rule("red", None, "read write"), Rule("red", {"sub": "bob"}, "presence")
    async with serving(*rules) as server, live(server, "bob") as bob:
        url = server.url.replace("http", "ws") + "/yjs"
        async with bob.presence("red", "bob") as seen:
            connection = await raw.dial(url, "red", "?token=ann")
            awareness = StockAwareness(7)
            frames: list[bytes] = []
            awareness.connect(frames.append)
            awareness.set({"name": "ann"})
            for frame in frames:
                await connection.send(frame)
            doc = Doc()
            doc.get("records", type=Map)["new"] = Map({"n": 2})
            await connection.send(yjs.encode_update(doc.get_update()))
            await connection.send(yjs.encode_sync_status(b"all"))
            while not isinstance(told := await raw.receive(connection), yjs.SyncStatus):
                assert not isinstance(told, yjs.AwarenessUpdate)
            assert 7 not in seen.states
        assert await server.db.read("red", Read(RECORDS, "contains", ("new",)))
        await connection.close()


# asking again


async def test_what_may_no_longer_be_ends_and_everything_else_goes_on():
    allowed = {"open", "red", "secret", ""}

    async def authorize(identity: Identity, action: str, collection: str) -> bool:
        await asyncio.sleep(0)
        return identity.author != "ann" or collection in allowed

    async with serving(authorize=authorize) as server, live(server) as ann, live(server, "bob") as bob:
        url = server.url.replace("http", "ws") + "/yjs"
        editor = await raw.dial(url, "red", "?token=ann")
        other = await raw.dial(url, "open", "?token=ann")
        async with (
            client_of(server) as socket,
            ann.changes("red") as red,
            ann.changes("open") as opened,
            ann.live(Query("open").join("red", on="n")) as joined,
            bob.changes("red") as bobs,
            ann.presence("red", "ann") as present,
            bob.presence("red", "bob") as bob_sees,
        ):
            await socket.open("red")
            async for states in present:
                if "bob" in states.values():
                    break
            waiting = [asyncio.ensure_future(anext(aiter(each))) for each in (red, joined)]
            await asyncio.sleep(0)
            allowed.discard("red")
            await pb.recheck("red", ["ann"])
            with pytest.raises(Forbidden):
                await ann.read("red", GET)
            async with asyncio.timeout(10):
                for each in waiting:
                    with pytest.raises(Forbidden, match="may not read collection 'red'"):
                        await each
                assert await raw.close_code(editor) == 4403
                async for states in bob_sees:
                    if "ann" not in states.values():
                        break
                with pytest.raises(Forbidden):
                    await present.set("ann again")
                await server.db.commit({"red": [PUT], "open": [PUT]})
                await bob.commit({"red": [Op(RECORDS, "put", ("b", {}, {}))]})
                await ann.commit({"open": [Op(RECORDS, "put", ("a", {}, {}))]})
                assert (await anext(aiter(opened))).key == "a"
                assert (await anext(aiter(bobs))).key == "b"
                await other.send(yjs.encode_sync_status(b"all"))
                while not isinstance(await raw.receive(other), yjs.SyncStatus):
                    pass
        await other.close()


async def test_rules_that_are_replaced_hold_for_who_is_there():
    policy = Policy([Rule("red", None, "read write presence")])
    async with pb.open("memory:") as db:
        await db.commit({"red": [PUT]})
        async with pb.Server(db, port=0, authenticate=who, policy=policy) as server:
            url, doc = server.url.replace("http", "ws") + "/yjs", Doc()
            editor = await raw.join(url, "red", doc)
            policy.rules = [Rule("red", None, "read")]
            await server.recheck()
            other = Doc()
            other.get("records", type=Map)["mine"] = Map({"n": 1})
            await editor.send(yjs.encode_update(other.get_update()))
            while not isinstance(await raw.receive(editor), yjs.PermissionDenied):
                pass
            policy.rules = [Rule("red", None, "read write")]
            await server.recheck("r*")
            assert not await db.read("red", Read(RECORDS, "contains", ("mine",)))
            other = Doc()  # what was put back is there, deleted: it would change nothing again
            other.get("records", type=Map)["again"] = Map({"n": 2})
            await editor.send(yjs.encode_update(other.get_update()))
            await editor.send(yjs.encode_sync_status(b"all"))
            while not isinstance(await raw.receive(editor), yjs.SyncStatus):
                pass
            assert await db.read("red", Read(RECORDS, "contains", ("again",)))
            await editor.close()


async def test_a_document_of_a_hocuspocus_socket_ends_and_the_others_go_on():
    allowed = {"open", "red"}
    async with (
        serving(authorize=lambda identity, action, collection: collection in allowed) as server,
        client_of(server) as client,
    ):
        await client.open("red")
        await client.open("open")
        allowed.discard("red")
        await server.recheck()
        denied = hocuspocus.encode_permission_denied("4403 you may not read collection 'red' (read)")
        await client.hear_until("red", denied)
        await client.say("open", yjs.encode_step1(b"\x00"))
        async with asyncio.timeout(10):
            while (await client.hear())[0] != "open":
                pass


async def test_events_end_when_they_may_no_longer_be_read():
    allowed = True
    async with pb.open("memory:") as db:
        app = pb.asgi(db, authenticate=who, authorize=lambda *asked: allowed)
        stream = Exchange(app, "GET", "/api/v1/collections/tasks/changes", authorization="Bearer ann")
        assert b"event: open" in await stream.part()
        allowed = False
        await pb.recheck()
        async with asyncio.timeout(10):
            ended = await stream.part()
        assert b"event: ended" in ended
        assert json.loads(ended.decode().partition("data: ")[2].splitlines()[0])["code"] == "forbidden"
        assert await stream.part() == b""


# revoking


async def test_who_is_revoked_is_closed_and_does_not_come_back():
    async with serving() as server, live(server) as ann, live(server, "bob") as bob:
        editor = await raw.dial(server.url.replace("http", "ws") + "/yjs", "red", "?token=ann")
        assert await ann.read("red", GET) == {"n": 1}
        await server.revoke("ann")
        assert await raw.close_code(editor) == 4403
        with pytest.raises(Forbidden, match="revoked"):
            await ann.read("red", GET)
        with pytest.raises(Forbidden, match="revoked"):
            async with live(server):
                pass
        assert await bob.read("red", GET) == {"n": 1}
        await server.let_in("ann")
        async with live(server) as again:
            assert await again.read("red", GET) == {"n": 1}


async def test_inside_another_application_somebody_is_revoked_too():
    async with pb.open("memory:") as db:
        app = pb.asgi(db, authenticate=who)
        asked = "GET", "/api/v1/collections/red/records"
        stream = Exchange(app, "GET", "/api/v1/collections/red/changes", authorization="Bearer ann")
        assert b"event: open" in await stream.part()
        await app.permissions.revoke("ann")
        assert b"event: ended" in await stream.part()
        assert (await call(app, *asked, authorization="Bearer ann")).status == 403
        await app.permissions.let_in("ann")
        assert (await call(app, *asked, authorization="Bearer ann")).status == 200


async def test_one_collection_is_revoked():
    async with serving() as server, live(server) as ann:
        await server.revoke("ann", "red")
        with pytest.raises(Forbidden):
            await ann.read("red", GET)
        assert await ann.read("open", GET) == {"n": 1}
        await server.let_in("ann", "red")
        assert await ann.read("red", GET) == {"n": 1}


async def test_at_most_so_many_are_revoked():
    async with serving(limits=pb.ServerLimits(revocations=2)) as server:
        await server.revoke("ann")
        await server.revoke("ann")
        await server.revoke("bob", "red")
        with pytest.raises(pb.LimitExceeded, match="2 are revoked already"):
            await server.revoke("eve")
        await server.let_in("bob")
        await server.revoke("eve")


# the hook


async def _late(*asked: Any) -> bool:
    await asyncio.Event().wait()
    return True


def _raises(*asked: Any) -> bool:
    raise RuntimeError("a secret")


async def _cancels(*asked: Any) -> bool:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    "authorize", [_raises, _late, _cancels, lambda *asked: 1, lambda *asked: None, lambda: True]
)
async def test_what_fails_denies(authorize: Any, caplog: pytest.LogCaptureFixture):
    options: Any = {"authorize": authorize, "limits": pb.ServerLimits(authorize_seconds=0.01)}
    async with serving(**options) as server, live(server) as ann:
        for _ in range(2):
            with pytest.raises(Forbidden, match="may not read collection 'red'"):
                await ann.read("red", GET)
        assert server.permissions.failures == 2
    assert "secret" not in caplog.text
    assert caplog.text.count("authorize failed, so it denied") == 1


async def test_both_have_to_allow():
    asked: list[tuple[Any, ...]] = []

    def authorize(identity: Identity, action: str, collection: str) -> bool:
        asked.append((identity.author, action, collection))
        return action == "read"

    async with serving(SECRET, RED, authorize=authorize) as server, live(server) as ann:
        assert await ann.read("red", GET) == {"n": 1}
        for forbidden in (ann.commit({"red": [PUT]}), ann.read("secret", GET)):
            with pytest.raises(Forbidden):
                await forbidden
    assert asked == [("ann", "read", "red"), ("ann", "write", "red")]


async def test_what_is_no_policy_is_told():
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match=r"policy= takes pb.Policy\(...\), not list"):
            pb.Server(db, policy=[RED])  # type: ignore[arg-type]


# revoking over the wire


async def test_who_administers_revokes_over_the_wire():
    rules = Rule("*", {"team": "red"}, ALL), Rule("red", None, "read"), Rule("open", {"sub": "bob"}, "admin")
    async with serving(*rules) as server, live(server) as ann, live(server, "bob/blue") as bob:
        for forbidden in (bob.revoke("ann"), bob.revoke("ann", "red"), bob.let_in("ann")):
            with pytest.raises(Forbidden, match="may not administer"):
                await forbidden
        async with bob.changes("red") as changes:
            await ann.revoke("bob", "red")
            with pytest.raises(Forbidden):
                await anext(aiter(changes))
        await ann.let_in("bob")
        assert await bob.read("red", GET) == {"n": 1}
        with pytest.raises(pb.InvalidName):
            await ann.revoke("")
        await bob.revoke("ann", "open")
        with pytest.raises(Forbidden):
            await ann.read("open", GET)
        assert "protobase_revoked 1.0\n" in (await get(server, "/metrics"))[1]


async def test_without_permissions_nobody_revokes():
    async with serving() as server, live(server) as ann:
        with pytest.raises(Forbidden, match="revoking needs a policy"):
            await ann.revoke("bob")


async def test_over_http_the_live_door_asks_the_same():
    async with (
        serving(SECRET) as server,
        pb.connect(server.url, token="ann", transport="http") as ann,
    ):
        assert await ann.read("open", GET) == {"n": 1}
        for forbidden in (ann.read("secret", GET), ann.commit({"secret": [PUT]})):
            with pytest.raises(Forbidden):
                await forbidden
        await server.revoke("ann")
        with pytest.raises(Forbidden, match="revoked"):
            await ann.read("open", GET)
