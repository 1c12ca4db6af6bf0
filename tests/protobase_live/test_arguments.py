"""Arguments of another type than their own are named, with what would be right."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb


class Task(pb.Atom):
    title: str


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": None}, "takes an address as a text, 'memory:', 'file:PATH'"),
        ({"url": Path("d")}, "takes an address as a text"),
        ({"url": "memory:", "author": 5}, "author"),
        ({"url": "memory:", "owner": 5}, "owner= takes a pattern such as 'orders*', or a list, not 5 (int)"),
        ({"url": "memory:", "schemas": [Task]}, "schemas are a dict such as {'tasks': Task}, not"),
    ],
)
def test_open(given: dict[str, Any], said: str) -> None:
    with pytest.raises(pb.ValidationError) as caught:
        pb.open(**given)
    assert said in str(caught.value)


SERVER = [
    ({"database": None}, "pb.Server takes a database that is open, as 'async with pb.open(...) as db' gives"),
    ({"host": 5}, "host= takes an address such as '127.0.0.1', not 5 (int)"),
    ({"port": "x"}, "port= takes a number from 0 to 65535, not 'x' (str)"),
    ({"port": 65_536}, "port= takes a number from 0 to 65535, not 65536 (int)"),
    ({"port": True}, "port= takes a number"),
    ({"trusted_proxies": "10.0.0.1"}, "trusted_proxies= takes a list such as ['10.0.0.0/8'], not '10.0.0.1'"),
    (
        {"trusted_proxies": [5]},
        "trusted_proxies= takes a list such as ['10.0.0.0/8']; 5 (int) in it is no str",
    ),
    ({"peers": "ws://n2:1"}, "peers= takes a list such as ['ws://host:8765/peer'], not 'ws://n2:1' (str)"),
    ({"tls": "cert.pem"}, "tls= takes an ssl.SSLContext, not 'cert.pem' (str)"),
    ({"peer_tls": "cert.pem"}, "peer_tls= takes an ssl.SSLContext"),
    ({"insecure": "no"}, "insecure= takes True or False, not 'no' (str)"),
    ({"advertise": 5}, "advertise= takes a str, not 5 (int)"),
]

DOORS = [
    ({"authenticate": "x"}, "authenticate= takes a function of the token, or pb.Jwt(...), not 'x' (str)"),
    ({"authenticate": None}, "authenticate= takes a function of the token"),
    ({"policy": pb.Rule("x")}, "policy= takes pb.Policy(...), not Rule"),
    ({"authorize": True}, "authorize= takes a function of identity, action and collection, not True (bool)"),
    ({"named": ["x"]}, "named= takes a dict of functions such as {'my_tasks': my_tasks}, not ['x']"),
    ({"named": {"x": "tasks"}}, "named= takes a dict of functions"),
    ({"named_queries_only": "no"}, "named_queries_only= takes True or False, not 'no' (str)"),
    ({"inspector": "no"}, "inspector= takes True or False, not 'no' (str)"),
    ({"origins": "https://a.b"}, "origins= takes a list such as ['https://app.example.com'], not 'https"),
    ({"origins": [5]}, "origins= takes a list such as ['https://app.example.com']; 5 (int) in it is no str"),
]


@pytest.mark.parametrize(("given", "said"), SERVER + DOORS)
async def test_server(given: dict[str, Any], said: str) -> None:
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError) as caught:
            pb.Server(**{"database": db, **given})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"database": "memory:"},
            "pb.asgi takes a database, or what pb.open(...) gives, not 'memory:' (str)",
        ),
        ({"token": "x"}, "token= takes a function of the scope, not 'x' (str)"),
        *DOORS,
    ],
)
def test_asgi(given: dict[str, Any], said: str) -> None:
    with pytest.raises(pb.ValidationError) as caught:
        pb.asgi(**{"database": pb.open("memory:"), **given})
    assert said in str(caught.value)


async def test_the_message_about_a_secret_quotes_nothing_of_it() -> None:
    secret: Any = "correct horse battery staple, and more"
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match=r"^cluster_secret= takes bytes, not str$"):
            pb.Server(db, cluster_secret=secret)


@pytest.mark.parametrize("given", [pb.Rule("tasks"), None, 5])
def test_policy(given: Any) -> None:
    with pytest.raises(pb.ValidationError, match=r"a policy takes a list of rules such as \[pb.Rule"):
        pb.Policy(given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"keys": None}, "keys= takes a file or a URL, not None (NoneType)"),
        ({"algorithms": "RS256"}, "algorithms= takes a list such as ['RS256'], not 'RS256' (str)"),
        ({"audience": 5}, "audience= takes a str, not 5 (int)"),
        ({"issuer": 5}, "issuer= takes a str, not 5 (int)"),
        ({"leeway_seconds": "30"}, "leeway_seconds= takes a number of seconds, 0 or more, not '30' (str)"),
        ({"limits": pb.Limits()}, "limits= takes pb.ServerLimits(...), not Limits"),
    ],
)
def test_jwt(given: dict[str, Any], said: str) -> None:
    with pytest.raises(pb.ValidationError) as caught:
        pb.Jwt(**{"keys": "https://id.example.com/keys", "algorithms": ["RS256"], **given})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"url": None},
            "pb.connect takes an address such as 'ws://127.0.0.1:8765/live', or a list of them, not",
        ),
        ({"url": ["ws://n1", 5]}, "or a list of them; 5 (int) in it is no str"),
        ({"token": 5}, "token= takes a str or a function that gives one, not int"),
        ({"name": 5}, "name= takes a str"),
        ({"name": "a \ud800"}, "name= takes well-formed Unicode, not 'a \\ud800' (str)"),
        ({"tls": True}, "tls= takes an ssl.SSLContext, not True (bool)"),
        ({"on_connection": 5}, "on_connection= takes a function of the loss, not 5 (int)"),
        ({"transport": "tcp"}, "transport 'tcp' is none of auto, websocket, http"),
        ({"subprotocol": "xml"}, "subprotocol 'xml' is none of"),
        ({"url": []}, "not an empty list"),
    ],
)
def test_connect(given: dict[str, Any], said: str) -> None:
    with pytest.raises(pb.ValidationError) as caught:
        pb.connect(**{"url": "ws://127.0.0.1:1/live", **given})
    assert said in str(caught.value)


NOBODY = [("", None), (None, None), (5, None), ("ann", ""), ("ann", 5)]


@pytest.mark.parametrize("given", NOBODY)
async def test_who_is_revoked_and_let_in(given: Any) -> None:
    async with pb.open("memory:") as db, pb.Server(db, port=0, authenticate=lambda token: token) as server:
        for call in (server.revoke, server.let_in):
            with pytest.raises(pb.InvalidName):
                await call(*given)
        async with pb.connect(server.url, "root") as client:
            for call in (client.revoke, client.let_in):
                with pytest.raises(pb.InvalidName):
                    await call(*given)
            await client.query("tasks")  # the connection goes on


@pytest.mark.parametrize("given", [("",), (5,), (None, 5), (None, [5])])
async def test_what_is_asked_again(given: Any) -> None:
    with pytest.raises(pb.ValidationError):
        await pb.recheck(*given)


async def test_what_a_database_and_a_client_do_with_collections() -> None:
    wrong: Any = 5
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server, pb.connect(server.url) as client:
        for each in (db, client):
            asked = (
                lambda db=each: db.drop(wrong),
                lambda db=each: db.backup(wrong),
                lambda db=each: db.stored(wrong),
                lambda db=each: db.restore("tasks", wrong),
                lambda db=each: db.restore(wrong, b""),
                lambda db=each: db.state_hash(wrong),
                lambda db=each: db.collections(wrong),
                lambda db=each: db.transact(wrong),
                lambda db=each: db.transact(lambda tx: None, author=wrong),
            )
            for ask in asked:
                with pytest.raises(pb.ValidationError):
                    await ask()
            with pytest.raises(pb.ValidationError):
                each.presence(wrong)
            with pytest.raises(pb.ValidationError):
                each.transaction(author=wrong)
            tasks = await each.collection("tasks")
            with pytest.raises(pb.InvalidName):
                tasks.field(wrong, wrong, pb.Counter)
            with pytest.raises(pb.ValidationError, match=r"field takes a kind such as pb\.Counter or"):
                tasks.field("a", "votes", int)
            await tasks.put({"title": "x"}, key="a")
            for given in (("tasks", wrong), (wrong, None)):
                with pytest.raises(pb.InvalidName):
                    await each.erase(*given)
        await client.query("tasks")  # the connection goes on


HALF: Any = "\ud800"

IS_INDEX = "an index has 1 to 8 different fields, such as 'owner' or 'address.city', not "


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda db, tasks: tasks.index(b"x"), f"{IS_INDEX}(b'x',) (tuple)"),
        (lambda db, tasks: tasks.index(HALF), f"{IS_INDEX}('\\ud800',) (tuple)"),
        (lambda db, tasks: tasks.drop_index(5), f"{IS_INDEX}(5,) (tuple)"),
        (
            lambda db, tasks: db.restore("z", None),
            "restore takes what backup gave, in bytes, not None",
        ),
        (lambda db, tasks: db.restore(5, b""), "a collection name is a str, not 5 (int)"),
        (lambda db, tasks: db.backup(5), "a collection name is a str, not 5 (int)"),
        (lambda db, tasks: db.drop(5), "a collection name is a str, not 5 (int)"),
        (lambda db, tasks: db.erase(5), "a collection name is a str, not 5 (int)"),
        (lambda db, tasks: db.collections(5), "a collection name is a str, not 5 (int)"),
        (lambda db, tasks: db.state_hash(5), "a collection name is a str, not 5 (int)"),
        (lambda db, tasks: db.state_hash(HALF), "'\\ud800' has a lone surrogate; use well-formed"),
        (lambda db, tasks: tasks.presence(HALF).__aenter__(), "surrogates not allowed"),
        (
            lambda db, tasks: tasks.presence(float("nan")).__aenter__(),
            "Out of range float values are",
        ),
    ],
)
async def test_a_client_is_told_the_same_as_who_has_the_database(ask: Any, said: str) -> None:
    told: list[tuple[type, str]] = []
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server, pb.connect(server.url) as client:
        for each in (db, client):
            with pytest.raises(pb.ValidationError) as caught:
                await ask(each, await each.collection("tasks"))
            told.append((caught.type, re.sub(r"client \d+", "client N", str(caught.value))))
    assert told[0] == told[1]
    assert said in told[0][1]


def test_trace() -> None:
    wrong: Any = 5
    with pytest.raises(pb.ValidationError, match=r"^pb\.trace takes a database that is open, not 5"):
        pb.trace(wrong)


@pytest.mark.parametrize("since", [5, b"x", [], {}, "x\ud83d"])
async def test_where_a_reader_goes_on(since: Any) -> None:
    async with pb.open("memory:") as db, pb.Server(db, port=0) as server, pb.connect(server.url) as client:
        for each in (db, client):
            with pytest.raises(pb.ValidationError, match=r"not a cursor: .*pass one that a change carried"):
                (await each.collection("tasks")).changes(since=since)
            with pytest.raises(pb.ValidationError, match=r"^since= takes live\.cursor, not "):
                each.live("tasks", since=since, rows=[])
        with pytest.raises(pb.ValidationError, match=r"^since= takes live\.cursor, not "):
            client.named("mine").live(since=since, rows=[])


@pytest.mark.parametrize("rows", [5, "ab", b"ab", {}])
async def test_the_rows_that_a_reader_has(rows: Any) -> None:
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match=r"^rows= takes live\.rows, a list, not "):
            db.live("tasks", since="x", rows=rows)


async def test_what_a_database_is_asked() -> None:
    given: Any = [1]
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match=r"params are a dict such as {'name': value}, not"):
            await db.query("tasks where n = :n", given)
        for params in ({1: 2}, {"n": 1, 2: 3, "m": 4}):
            with pytest.raises(pb.ValidationError, match=r"^the query has no parameter [12]; there are n$"):
                await db.query("tasks where n = :n", params)  # type: ignore[arg-type]
        with pytest.raises(pb.ValidationError, match=r"^collection 'tasks': int is not a subclass of Atom"):
            pb.Query("tasks", int)  # type: ignore[arg-type]
        with pytest.raises(pb.ValidationError, match=r"not a cursor: 5 .*pass one that a change carried"):
            async with (await db.collection("tasks")).changes(since=5):  # type: ignore[arg-type]
                pass
        with pytest.raises(pb.ValidationError, match=r"collection 'tasks': .* is not a subclass of Atom"):
            await db.collection("tasks", given)
        with pytest.raises(pb.ValidationError, match="expected 'skip', 'raw' or 'raise'"):
            await db.collection("tasks", Task, on_invalid="skp")  # type: ignore[arg-type]
