"""Yjs clients that may write parts of a collection: what a rule lets goes through, the rest is put back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pycrdt import Array, Doc, Map, Text
from websockets.asyncio.client import ClientConnection

import protobase_live as pb
from protobase_actors import OrderedSet, SystemClock
from protobase_live import F, Forbidden, Identity, Policy, Rule
from protobase_live.document import Judge
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Op
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.authority import Authority
from protobase_live.server.authorization import Authorization
from protobase_live.server.editor_pass import READER, EditorPass
from protobase_live.server.limits import ServerLimits
from tests.support import raw

BAD = "MARKER"
READ = Rule("tasks", actions="read")
MINE = F.owner == pb.identity.sub
OWN = Rule(
    "tasks",
    actions=["read", "write"],
    where_old=MINE,
    where_new=MINE,
    fields=["title", "owner"],
    structures=["log"],
)
"""Titles of one's own records, and the log."""
VOTES = Rule("tasks", actions="write", where_old=F.open == True, fields=["votes"])  # noqa: E712
"""Votes of everybody's records that are open."""
TASKS = {
    "a": {"title": "Ann's", "owner": "ann", "votes": 0},
    "b": {"title": "Bob's", "owner": "bob", "votes": 0, "open": True},
}


class Client:
    """A Yjs client at the socket, which knows what it was sent and told."""

    def __init__(self, connection: ClientConnection, author: str) -> None:
        self.author = author
        self.doc: Doc = Doc()
        self.records = self.doc.get("records", type=Map)
        self.log, self.body = self.doc.get("log", type=Array), self.doc.get("body", type=Text)
        self.refusals: list[str] = []
        self.sent: list[bytes] = []
        self._connection = connection

    async def begin(self) -> None:
        await self._connection.send(yjs.encode_step1(self.doc.get_state()))
        while not isinstance(message := await self._hear(), yjs.SyncStep2):
            assert message is not None

    async def edit(self, change: Callable[[Client], Any]) -> None:
        """Write in one transaction, and hear what becomes of it."""
        written: list[bytes] = []
        watch = self.doc.observe(lambda event: written.append(event.update))
        with self.doc.transaction():
            change(self)
        self.doc.unobserve(watch)
        for update in written:
            await self._connection.send(yjs.encode_update(update))
        await self.settle()

    async def settle(self) -> None:
        """Hear all that the server has said until now."""
        await self._connection.send(yjs.encode_sync_status(b"mark"))
        while not isinstance(await self._hear(), yjs.SyncStatus):
            pass

    async def _hear(self) -> yjs.Message | None:
        message = await raw.receive(self._connection)
        if isinstance(message, yjs.SyncStep2 | yjs.Update):
            self.sent.append(message.update)
        raw.apply(self.doc, message)
        if isinstance(message, yjs.PermissionDenied):
            self.refusals.append(message.reason)
        return message

    @property
    def seen(self) -> tuple[Any, ...]:
        return self.records.to_py(), self.log.to_py(), str(self.body)


@asynccontextmanager
async def serving(policy: Policy) -> AsyncIterator[pb.Server]:
    async with pb.open("memory:") as db:
        ops = [Op(RECORDS, "put", (key, fields, {})) for key, fields in TASKS.items()]
        await db.commit({"tasks": ops})
        async with pb.Server(db, port=0, authenticate=Identity, policy=policy) as server:
            server.db = db  # type: ignore[attr-defined]
            yield server


@asynccontextmanager
async def clients(server: pb.Server, *names: str) -> AsyncIterator[Sequence[Client]]:
    url = server.url.replace("http", "ws") + "/yjs"
    joined = [Client(await raw.dial(url, "tasks", f"?token={name}"), name) for name in names]
    for client in joined:
        await client.begin()
    yield joined
    for client in joined:
        await client._connection.close()


def write(key: str, **fields: Any) -> Callable[[Client], Any]:
    return lambda client: client.records[key].update(fields)


def insert(**fields: Any) -> Callable[[Client], Any]:
    return lambda client: client.records.update({"n": Map(fields)})


LET = [
    write("a", title="new"),
    insert(title="new", owner="ann"),
    insert(title="new", owner="ann", votes=1),
    write("b", votes=1),
    lambda client: client.log.append("a line"),
]
REFUSED = [
    write("b", title=BAD),
    write("a", votes=BAD),
    write("a", owner=BAD),
    write("b", owner="ann", title=BAD),
    write("b", votes=1, title=BAD),
    insert(title=BAD, owner="bob"),
    insert(title=BAD, owner="ann", open=True),
    insert(title=BAD),
    lambda client: client.records.update({"a": Map({"title": BAD, "owner": "ann"})}),
    lambda client: client.records.update({"n": BAD}),
    lambda client: client.records.pop("a"),
    lambda client: client.records.pop("b"),
    lambda client: client.body.insert(0, BAD),
]


@pytest.mark.parametrize(
    ("change", "is_let"), [*((change, True) for change in LET), *((change, False) for change in REFUSED)]
)
async def test_what_a_rule_lets_goes_through_and_the_rest_is_put_back(
    change: Callable[[Client], Any], is_let: bool
) -> None:
    async with serving(Policy([READ, OWN, VOTES])) as server, clients(server, "ann", "bob") as (ann, bob):
        before = ann.seen
        await ann.edit(change)
        await bob.settle()
        assert ann.seen == bob.seen
        assert (ann.seen != before) == is_let
        assert (len(ann.refusals), bob.refusals) == (0 if is_let else 1, [])
        assert not any(BAD.encode() in update for update in (*ann.sent, *bob.sent))
        assert BAD not in str(ann.refusals)
        tasks = await server.db.collection("tasks")  # type: ignore[attr-defined]
        assert await tasks.items() == ann.seen[0]
        await bob.edit(write("b", title="goes on"))
        await ann.settle()
        assert ann.seen == bob.seen
        assert ann.records["b"]["title"] == "goes on"


@pytest.mark.parametrize("kind", ["set", "counted_set"])
async def test_nothing_comes_in_beside_what_python_calls_equal(kind: str) -> None:
    """The row is judged that reading shows: of True and 1, which are stored apart, it shows 1."""
    one, true = (f"{values.key_text(each)}|x" for each in (1, True))
    entry = True if kind == "set" else 1
    rule = Rule("tasks", actions="write", where_old=True, where_new=~F.tags.contains(1))
    async with serving(Policy([READ, rule])) as server, clients(server, "ann") as (ann,):
        await ann.edit(write("a", tags=Map({"@": kind, true: entry})))
        await ann.edit(lambda client: client.records["a"]["tags"].update({one: entry}))
        assert ann.refusals == ["record 'a' would be none that you may write"]
        assert ann.records["a"]["tags"].to_py() == {"@": kind, true: entry}


async def test_rules_that_are_replaced_hold_for_who_writes_already() -> None:
    policy = Policy([READ, OWN])
    async with serving(policy) as server, clients(server, "ann") as (ann,):
        await ann.edit(write("b", votes=BAD))
        policy.rules = [READ, VOTES]
        await server.recheck()
        await ann.edit(write("b", votes=2))
        await ann.edit(write("a", title=BAD))
        policy.rules = [READ]
        await server.recheck()
        await ann.edit(write("b", votes=BAD))
        policy.rules = [READ, Rule("tasks", actions="write")]
        await server.recheck()
        await ann.edit(lambda client: client.records.pop("a"))
        assert ann.records.to_py() == {"b": {**TASKS["b"], "votes": 2}}
        assert ann.refusals == [
            "record 'b' is none that you may write",
            "record 'a' is none that you may write",
            "you may read here, and not write",
        ]


class Kept:
    """An editor that keeps what it was told."""

    judge: Judge | None = READER
    error: Exception | None = None

    def permit(self, judge: Judge | None, present: bool) -> None:
        self.judge = judge

    def reject(self, error: Exception) -> None:
        self.error = error


async def test_another_token_of_the_author_says_what_may_be_written_from_then_on() -> None:
    team = Rule("tasks", actions="write", where=F.team == pb.identity.team)
    authorization = Authorization(SystemClock(), ServerLimits(), Policy([READ, team]))
    authority = Authority(authorization, OrderedSet(), Identity("ann", claims={"team": "red"}))
    entry, editor = EditorPass(authority, "tasks"), Kept()
    await entry.check()
    entry.give(editor)
    for claims, red, blue in (({"team": "red"}, True, False), ({"team": "blue"}, False, True)):
        await authority.renew(Identity("ann", claims=claims))
        assert editor.judge is not None
        (scope,) = editor.judge.scopes or ()
        assert [scope.lets_old("k", {"team": team}) for team in ("red", "blue")] == [red, blue]
    await authority.renew(Identity("ann"))
    assert (editor.judge, entry.read_only) == (READER, True)
    entry.close()


async def test_who_may_read_parts_alone_may_not_be_a_yjs_client() -> None:
    authorization = Authorization(SystemClock(), ServerLimits(), Policy([OWN]))
    entry = EditorPass(Authority(authorization, OrderedSet(), Identity("ann")), "tasks")
    with pytest.raises(Forbidden, match="in parts, and a Yjs client has all"):
        await entry.check()
