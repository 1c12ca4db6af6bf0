"""Yjs clients that may not write all that they write: in the end everybody has the same, and it is right.

Every value that is to be refused has a text of its own; nobody is shown it, and it is not stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment

import protobase_live as pb
from protobase_live.collection.messages import CatchUp, ShownUpdate, Sync, Updates
from protobase_live.database.database import Database
from protobase_live.errors import ProtoBaseError
from protobase_live.model.schemas import Schemas
from protobase_live.permissions.permits import judge_of
from protobase_live.protocol.yjs.state_vector import decode_state_vector
from protobase_live.server.editor_pass import READER
from protobase_storage import Commit, MemoryStorage
from tests.support.query_cases import cases

KINDS = ("writer", "offender", "limited", "owner", "reader")

MINE = pb.F.owner == pb.identity.sub
POLICY = pb.Policy(
    [
        pb.Rule("tasks", actions="read"),
        pb.Rule("tasks", {"sub": "writer"}, "write"),
        pb.Rule("tasks", {"sub": "offender"}, "write"),
        pb.Rule("tasks", {"sub": "limited"}, "write", fields=["title"]),
        pb.Rule("tasks", {"sub": "limited"}, "write", where_new="done = true", fields=["done"]),
        pb.Rule("tasks", {"sub": "owner"}, "write", where_old=MINE, where_new=MINE),
        pb.Rule("tasks", {"sub": "owner"}, "write", where_old="done = true", fields=["title"]),
        pb.Rule("tasks", {"sub": "owner"}, "write", structures=["items"]),
    ]
)


class Task(pb.Atom):
    title: str
    done: bool = False
    owner: str = ""


FIXED = Task(title="fixed", owner="writer")
"""A record that only those touch who may not."""


class Step(NamedTuple):
    """What one client does next."""

    client: int
    actions: Sequence[int]
    wrong: bool
    send: str
    reads: bool


class Storage(MemoryStorage):
    """Keeps all that it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[Commit] = []

    def append(self, commits: Sequence[Commit]) -> asyncio.Future[None]:
        self.commits += commits
        return super().append(commits)


class Client:
    """A Yjs client that may send late and in another order, and may not read for a while."""

    echo = False

    def __init__(self, ref: Any, kind: str, number: int) -> None:
        self.author, self.kind, self.reads = kind, kind, True
        grant = POLICY.grant(pb.Identity(kind), "tasks")
        self.judge = judge_of(grant) if grant.allows("write") else READER
        # Who has an undo manager keeps what is deleted, and sends what was set in it before.
        self.doc: Doc = Doc(client_id=1_000 - 200 * number, skip_gc=number % 2 == 0)
        self.records = self.doc.get("records", type=Map)
        self.body, self.items = self.doc.get("body", type=Text), self.doc.get("items", type=Array)
        self.tree = self.doc.get("tree", type=XmlFragment)
        self.heard: list[bytes] = []
        self.refusals: list[str] = []
        self.unsent: list[bytes] = []
        self._ref = ref

    def edit(self, actions: Sequence[int], text: str, wrong: bool) -> None:
        written: list[bytes] = []
        watch = self.doc.observe(lambda event: written.append(event.update))
        with self.doc.transaction():
            for action in actions:
                choose(self, action, wrong)(self, f"t{action % 3}", text)
        self.doc.unobserve(watch)
        self.unsent += written

    async def send(self, how: str) -> None:
        if how == "later" or not self.unsent:
            return
        updates, self.unsent = self.unsent, []
        for update in updates if how == "in order" else reversed(updates):
            await self._ref.tell(Updates(self, [update]))

    async def begin(self) -> None:
        self.reads = True
        await self._ref.tell(Sync(self, decode_state_vector(self.doc.get_state())))

    async def catch_up(self) -> None:
        self.reads = True
        await self._ref.tell(CatchUp(self))

    def greet(self, state: bytes) -> None: ...

    def settle(self, mark: bytes | None) -> None: ...

    def answer(self, update: bytes, complete: bool) -> None:
        self._hear(update)

    def show(self, shown: ShownUpdate) -> bool:
        if self.reads:
            self._hear(shown.update)
        return self.reads

    def put_back(self, reason: str) -> None:
        self.refusals.append(reason)

    def reject(self, error: ProtoBaseError) -> None:
        raise AssertionError(error)

    def resync(self) -> None: ...

    def _hear(self, update: bytes) -> None:
        self.heard.append(update)
        self.doc.apply_update(update)

    @property
    def state(self) -> tuple[Any, ...]:
        return (
            self.records.to_py(), self.body.diff(), str(self.tree), self.items.to_py(),
            decode_state_vector(self.doc.get_state()),
        )  # fmt: skip


Action = Callable[[Client, str, str], Any]


def in_record(write: Callable[[Any, str], Any]) -> Action:
    """An action on a record, if there is one."""

    def act(client: Client, key: str, text: str) -> None:
        if isinstance(found := client.records.get(key), Map):
            write(found, text)

    return act


def in_fixed(write: Action) -> Action:
    """The action, on the record that nobody else touches."""
    return lambda client, key, text: write(client, "fixed", text)


def own(client: Client, key: str, text: str) -> None:
    client.records[key] = Map({"title": text, "owner": client.kind})


def cut(client: Client, key: str, text: str) -> None:
    if len(client.body) > 3:
        del client.body[1:3]


def prune(client: Client, key: str, text: str) -> None:
    if len(client.tree.children):
        del client.tree.children[0]


def drop(client: Client, key: str, text: str) -> None:
    """Delete a record in which something was set in the same transaction."""
    if isinstance(found := client.records.get(key), Map):
        found["title"] = text
        del client.records[key]


TITLE = in_record(lambda record, text: record.update({"title": text}))
TYPE: Action = lambda client, key, text: client.body.insert(len(client.body) // 2, text)  # noqa: E731
PUSH: Action = lambda client, key, text: client.items.insert(0, text)  # noqa: E731
TREE: Action = lambda client, key, text: client.tree.children.append(XmlElement("p", {"k": text}, [text]))  # noqa: E731
INSERT: Action = lambda client, key, text: client.records.update({key: Map({"title": text})})  # noqa: E731
GIVE = in_record(lambda record, text: record.update({"owner": text}))
REMOVE: Action = lambda client, key, text: client.records.pop(key, None)  # noqa: E731
DONE = in_record(lambda record, text: record.update({"done": True}))

RIGHT: Sequence[Action] = (TITLE, INSERT, TYPE, PUSH, TREE, REMOVE, DONE, cut, prune)
MISFITS: Sequence[Action] = (
    in_record(lambda record, text: record.update({"title": [text]})),
    in_record(lambda record, text: record.update({"done": Text(text)})),
    in_record(lambda record, text: record.update({"more": text})),
    in_record(lambda record, text: record.pop("title", None)),
    lambda client, key, text: client.records.update({key: text}),
    lambda client, key, text: client.records.update({key: Map({"owner": text})}),
)
UNDONE = in_record(lambda record, text: record.update({"done": False}))
STRANGE: Sequence[Action] = (
    GIVE, TYPE, TREE, in_fixed(UNDONE), in_fixed(REMOVE), in_fixed(drop),
    lambda client, key, text: client.records.update({key: Map({"title": text, "owner": text})}),
)  # fmt: skip
"""What nobody may whose rules name parts."""


def choose(client: Client, action: int, wrong: bool) -> Action:
    """What a client does that does right, or wrong."""
    of = {
        ("reader", True): (*RIGHT, *MISFITS, in_fixed(drop)),
        ("offender", True): MISFITS,
        ("limited", True): (*MISFITS, *STRANGE, PUSH),
        ("limited", False): (TITLE, DONE, INSERT),
        ("owner", True): (*MISFITS, *STRANGE, in_fixed(DONE), in_fixed(TITLE), in_fixed(own)),
        ("owner", False): (own, *RIGHT),
    }.get((client.kind, wrong), RIGHT)
    return of[action % len(of)]


steps = st.lists(
    st.builds(
        Step,
        st.integers(0, len(KINDS) - 1),
        st.lists(st.integers(0, 40), min_size=1, max_size=3),
        st.booleans(),
        st.sampled_from(("in order", "in order", "reversed", "later")),
        st.booleans(),
    ),
    min_size=4,
    max_size=30,
)


@cases(60)
@given(steps)
def test_everybody_ends_with_what_is_right(plan: list[Step]) -> None:
    asyncio.run(run(plan))


async def run(plan: list[Step]) -> None:
    storage, told = Storage(), list[Any]()
    async with Database(storage, schemas=Schemas({"tasks": Task})) as db, Database(MemoryStorage()) as other:
        ref, tasks = await db.ref("tasks"), await db.collection("tasks", Task)
        await tasks.put(FIXED, key="fixed")
        clients = [Client(ref, kind, number) for number, kind in enumerate(KINDS)]
        for client in clients:
            await client.begin()
        async with db.live(pb.Query("tasks")) as live, tasks.changes() as changes:
            reading = asyncio.create_task(follow(changes, told))
            for number, step in enumerate(plan):
                client = clients[step.client]
                wrong = client.kind == "reader" or (step.wrong and client.kind != "writer")
                client.reads = step.reads
                client.edit(step.actions, f"{'BAD' if wrong else 'ok'}{number}.", wrong)
                await client.send(step.send)
            for client in clients:
                await client.send("in order")
            await tasks.count()
            for client in clients:
                await client.begin()
            await tasks.count()
            await tasks.put(Task(title="the end"), key="end")
            await asyncio.wait_for(reading, 10)
            rows = await tasks.items()
            assert {row._key for row in live.rows} == rows.keys()
            assert "BAD" not in repr((live.rows, rows, told))
        assert await tasks.misfits() == {}
        assert rows["fixed"] == FIXED
        state = clients[0].state
        for client in clients:
            assert client.state == state
            assert not any(b"BAD" in update for update in client.heard)
            assert "BAD" not in repr(client.refusals)
        assert "BAD" not in repr(state)
        assert not any(b"BAD" in commit.update for commit in storage.commits)
        await other.replicate({"tasks": storage.commits})
        assert await other.state_hash("tasks") == await db.state_hash("tasks")


async def follow(changes: Any, told: list[Any]) -> None:
    async for change in changes:
        told.append(change)
        if change.key == "end":
            return
