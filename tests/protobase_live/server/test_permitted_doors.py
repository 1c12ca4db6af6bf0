"""Two clients with random policies try everything at every door: what is forbidden is not done, nor shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pycrdt import Doc, Map
from websockets.exceptions import ConnectionClosed

import protobase_live as pb
from protobase_live import Forbidden, Identity, Policy, Query, Rule
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.protocol.yjs import messages as yjs
from protobase_live.server.asgi import Asgi
from tests.support import raw
from tests.support.asgi_client import Exchange, call
from tests.support.hocuspocus import client_of

NAMES = ("a", "b/1", "b/2")
CLIENTS = ("ann", "bob")
ACTIONS = ("read", "write", "presence", "admin")
GET = Read(RECORDS, "get", ("k",))


@dataclass(frozen=True)
class Says:
    """A rule, for the model."""

    pattern: str
    sub: str | None
    actions: frozenset[str]

    @property
    def rule(self) -> Rule:
        return Rule(self.pattern, None if self.sub is None else {"sub": self.sub}, sorted(self.actions))


def allowed(rules: Sequence[Says], client: str, action: str, name: str) -> bool:
    """What the documentation says, in other words than the code."""
    about = [each for each in rules if fnmatchcase(name, each.pattern)]
    return not about or any(each.sub in (None, client) and action in each.actions for each in about)


def marker(name: str) -> str:
    return f"marker of {name}"


def put(name: str, key: str = "k") -> Op:
    return Op(RECORDS, "put", (key, {"text": marker(name), "n": 1}, {}))


class Doors:
    """Everything that a client may try with a collection, and sometimes with another one beside it."""

    def __init__(self, server: pb.Server, app: Asgi, remotes: dict[str, Any]) -> None:
        self.server = server
        self.app = app
        self.remotes = remotes

    async def live_read(self, who: str, name: str, other: str) -> Any:
        return await self.remotes[who].read(name, GET)

    async def live_commit(self, who: str, name: str, other: str) -> Any:
        return await self.remotes[who].commit({name: [put(name, "new")], other: [put(other, "new")]})

    async def live_check(self, who: str, name: str, other: str) -> Any:
        await self.remotes[who].commit({name: [put(name, "new")]}, [Check(other, GET, b"?")])

    async def live_query(self, who: str, name: str, other: str) -> Any:
        return list(await self.remotes[who].query(Query(name).join(other, on="n", as_="other")))

    async def live_explain(self, who: str, name: str, other: str) -> Any:
        return await self.remotes[who].explain(Query(name).union(Query(other)))

    async def live_watch(self, who: str, name: str, other: str) -> Any:
        async with self.remotes[who].live(Query(name).join(other, on="n", as_="other")) as live:
            return list(live.rows)

    async def live_changes(self, who: str, name: str, other: str) -> Any:
        async with self.remotes[who].changes(name, since=pb.START) as changes:
            return await anext(aiter(changes))

    async def live_presence(self, who: str, name: str, other: str) -> Any:
        async with self.remotes[who].presence(name, {"who": who}) as presence:
            return presence.states

    async def live_drop(self, who: str, name: str, other: str) -> Any:
        await self.remotes[who].drop(name)

    async def live_backup(self, who: str, name: str, other: str) -> Any:
        return await self.remotes[who].backup(name)

    async def live_restore(self, who: str, name: str, other: str) -> Any:
        return await self.remotes[who].restore(name, b"no backup")

    async def live_hash(self, who: str, name: str, other: str) -> Any:
        return await self.remotes[who].state_hash(name)

    async def _rest(self, who: str, method: str, path: str, body: Any = None) -> Any:
        answer = await call(self.app, method, f"/api/v1{path}", body, authorization=f"Bearer {who}")
        if answer.status == 403:
            raise Forbidden(answer.body.decode())
        return answer.body

    async def rest_get(self, who: str, name: str, other: str) -> Any:
        return await self._rest(who, "GET", f"/collections/{_piece(name)}/records/k")

    async def rest_list(self, who: str, name: str, other: str) -> Any:
        return await self._rest(who, "GET", f"/collections/{_piece(name)}/records")

    async def rest_put(self, who: str, name: str, other: str) -> Any:
        return await self._rest(who, "PUT", f"/collections/{_piece(name)}/records/new", {"n": 2})

    async def rest_drop(self, who: str, name: str, other: str) -> Any:
        return await self._rest(who, "DELETE", f"/collections/{_piece(name)}")

    async def rest_query(self, who: str, name: str, other: str) -> Any:
        query = Query(name).join(other, on="n", as_="other").to_json()
        return await self._rest(who, "POST", "/query", {"query": query})

    async def rest_transaction(self, who: str, name: str, other: str) -> Any:
        writes = {each: [["records", ["records"], "put", ["new", {}, {}]]] for each in (name, other)}
        return await self._rest(who, "POST", "/transactions", {"writes": writes})

    async def rest_changes(self, who: str, name: str, other: str) -> Any:
        path = f"/api/v1/collections/{_piece(name)}/changes?since={pb.START}"
        stream = Exchange(self.app, "GET", path, authorization=f"Bearer {who}")
        found = b"".join([await stream.part(), b""])
        if b"Forbidden" in found:
            raise Forbidden(found.decode())
        found += await stream.part()
        stream.leave()
        return found

    async def yjs_read(self, who: str, name: str, other: str) -> Any:
        return await self._edit(who, name)

    async def yjs_write(self, who: str, name: str, other: str) -> Any:
        doc = Doc()
        doc.get("records", type=Map)["new"] = Map({"n": 1})
        return await self._edit(who, name, doc.get_update())

    async def _edit(self, who: str, name: str, update: bytes | None = None) -> Any:
        """Say something, and wait until all of it was taken or refused; gives what was told."""
        heard, doc = [], Doc()
        url = self.server.url.replace("http", "ws") + "/yjs"
        connection = await raw.dial(url, name, f"?token={who}")
        try:
            await connection.send(yjs.encode_step1(doc.get_state()))
            for frame in [] if update is None else [yjs.encode_update(update)]:
                await connection.send(frame)
            await connection.send(yjs.encode_sync_status(b"all"))
            while not heard or heard[-1] != yjs.SyncStatus(b"all"):
                heard.append(await raw.receive(connection))
        except ConnectionClosed as closed:
            if closed.rcvd is not None and closed.rcvd.code == 4403:
                raise Forbidden(repr((closed.rcvd.reason, heard))) from None
            raise
        finally:
            await connection.close()
        if any(isinstance(each, yjs.PermissionDenied) for each in heard):
            raise Forbidden("write")
        return heard

    async def hocuspocus(self, who: str, name: str, other: str) -> Any:
        async with client_of(self.server) as client:
            await client.say(name, b"\x02\x00" + bytes([len(who)]) + who.encode(), yjs.encode_step1(b"\x00"))
            heard = b""
            while True:
                _, message = await client.hear()
                heard += message
                if message.startswith(b"\x02\x01"):
                    raise Forbidden(heard.decode(errors="replace"))
                if message.startswith(b"\x00\x01"):
                    return heard


def _piece(name: str) -> str:
    return name.replace("/", "%2F")


Needs = tuple[tuple[str, ...], tuple[str, ...]]
NEEDS: dict[str, Needs] = {
    "live_read": (("read",), ()),
    "live_commit": (("write",), ("write",)),
    "live_check": (("write",), ("read",)),
    "live_query": (("read",), ("read",)),
    "live_explain": (("read",), ("read",)),
    "live_watch": (("read",), ("read",)),
    "live_changes": (("read",), ()),
    "live_presence": (("presence",), ()),
    "live_drop": (("admin",), ()),
    "live_backup": (("admin",), ()),
    "live_restore": (("admin",), ()),
    "live_hash": (("admin",), ()),
    "rest_get": (("read",), ()),
    "rest_list": (("read",), ()),
    "rest_put": (("write",), ()),
    "rest_drop": (("admin",), ()),
    "rest_query": (("read",), ("read",)),
    "rest_transaction": (("write",), ("write",)),
    "rest_changes": (("read",), ()),
    "yjs_read": (("read",), ()),
    "yjs_write": (("read", "write"), ()),
    "hocuspocus": (("read",), ()),
}
"""What each operation needs of its collection, and of the other one."""

rules = st.lists(
    st.builds(
        Says,
        st.sampled_from(["a", "b/*", "b/1", "*"]),
        st.sampled_from([None, *CLIENTS]),
        st.frozensets(st.sampled_from(ACTIONS), min_size=1),
    ),
    min_size=1,
    max_size=4,
)
steps = st.lists(
    st.tuples(*map(st.sampled_from, (CLIENTS, sorted(NEEDS), NAMES, NAMES))),
    min_size=4,
    max_size=12,
)


def test_every_operation_is_tried():
    tried = {name for name in vars(Doors) if not name.startswith("_")}
    assert tried == NEEDS.keys()


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])  # shrinking takes minutes
@given(rules, steps, rules, steps)
def test_what_is_forbidden_is_neither_done_nor_shown(
    first: list[Says], before: list[Any], second: list[Says], after: list[Any]
):
    asyncio.run(_try(first, before, second, after))


async def _try(first: list[Says], before: list[Any], second: list[Says], after: list[Any]) -> None:
    policy = Policy([each.rule for each in first])
    async with AsyncExitStack() as stack, asyncio.timeout(60):
        db = await stack.enter_async_context(pb.open("memory:"))
        options: Any = {"authenticate": Identity, "policy": policy}
        server = await stack.enter_async_context(pb.Server(db, port=0, **options))
        app = pb.asgi(db, **options)
        remotes = {who: await stack.enter_async_context(pb.connect(server.url, token=who)) for who in CLIENTS}
        doors = Doors(server, app, remotes)
        for step in before:
            await _step(db, doors, first, *step)
        policy.rules = [each.rule for each in second]
        await pb.recheck()
        for step in after:
            await _step(db, doors, second, *step)


async def _step(
    db: pb.Database, doors: Doors, said: Sequence[Says], who: str, operation: str, name: str, other: str
) -> None:
    for each in NAMES:
        await db.commit({each: [put(each), Op(RECORDS, "delete", ("new",))]})
    was = await _contents(db)
    here, there = NEEDS[operation]
    may = partial(allowed, said, who)
    permitted = all(may(action, name) for action in here) and all(may(action, other) for action in there)
    try_it: Callable[..., Awaitable[Any]] = getattr(doors, operation)
    refused = False
    try:
        told = await try_it(who, name, other)
    except pb.ProtoBaseError as error:  # also what is wrong, and was let in: a check that does not hold
        told, refused = error, isinstance(error, Forbidden)
    assert refused is not permitted, (operation, who, name, other, told)
    if not permitted:
        assert await _contents(db) == was
        assert not [each for each in NAMES if marker(each) in repr(told)]
    shown = {each.name for each in await doors.remotes[who].collections()}
    assert shown == {each.name for each in await db.collections() if may("read", each.name)}


async def _contents(db: pb.Database) -> dict[str, Any]:
    return {each: await db.read(each, Read(RECORDS, "items", (None, 10))) for each in NAMES}
