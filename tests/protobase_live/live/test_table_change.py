"""Nothing overtakes a transaction over several collections, and nobody sees a part of it."""

from __future__ import annotations

from protobase_live.database.database import Database
from protobase_live.live.revisions import Revisions
from protobase_live.live.table_change import JointChange, TableChange
from protobase_live.live.turnstile import Turnstile
from protobase_live.model.operations import RECORDS, Op
from protobase_live.query.language.query import Query
from protobase_storage import MemoryStorage


class Heard(Revisions):
    """Revisions of collections that no query has asked for; they note what they are shown at once."""

    def __init__(self) -> None:
        super().__init__({}, Turnstile(), lambda view, error: None)
        self.heard: list[str] = []

    def _finish(self, parts, error=None) -> None:
        self.heard.append("+".join(f"{part.change.collection}{part.change.vector['x']}" for part in parts))
        super()._finish(parts, error)


def show(collection: str, number: int) -> TableChange:
    return TableChange(collection, [], {"x": number})


def joint_change(parts: int = 2) -> JointChange:
    made = JointChange()
    for _ in range(parts):
        made.expect()
    return made


async def test_all_at_once_and_what_follows_waits() -> None:
    views, joint = Heard(), joint_change()
    views.take(show("a", 1))
    views.take(show("a", 2), joint)
    views.take(show("a", 3))
    assert views.heard == ["a1"]
    views.take(show("b", 1), joint)
    views.take(show("b", 2))
    assert views.heard == ["a1", "a2+b1", "a3", "b2"]


async def test_one_behind_the_other() -> None:
    views, first, second = Heard(), joint_change(), joint_change(3)
    views.take(show("a", 1), first)
    views.take(show("a", 2), second)
    views.take(show("c", 1), second)
    views.take(show("b", 1), first)
    assert views.heard == ["a1+b1"]
    views.take(show("b", 2), second)
    assert sorted(views.heard[1].split("+")) == ["a2", "b2", "c1"]


async def test_a_part_that_never_comes_holds_nobody_up() -> None:
    views, joint = Heard(), joint_change()
    views.take(show("a", 1), joint)
    joint.give_up()
    assert views.heard == ["a1"]
    joint = joint_change()
    joint.give_up()
    views.take(show("a", 2), joint)
    assert views.heard == ["a1", "a2"]


async def test_a_collection_that_ends() -> None:
    views, joint = Heard(), joint_change()
    views.take(show("a", 1), joint)
    views.take(show("a", 2))
    views.end("a")  # its part is forgotten with it
    views.take(show("b", 1), joint)
    assert views.heard == ["b1"]
    joint, behind = joint_change(), joint_change()
    views.take(show("a", 3), joint)
    views.take(show("a", 4), behind)
    views.take(show("c", 1), behind)
    views.end("a")
    assert views.heard == ["b1", "c1"]


async def test_a_transaction_that_no_query_asks_about() -> None:
    joint = joint_change()
    joint.give_up()
    joint.give_up()
    assert joint.missing == 0


async def test_collections_show_their_parts_of_a_transaction_at_once(monkeypatch) -> None:
    heard: list[list[str]] = []
    finish = Revisions._finish

    def note(revisions, parts, error=None) -> None:
        heard.append([part.change.collection for part in parts])
        finish(revisions, parts, error)

    monkeypatch.setattr(Revisions, "_finish", note)
    async with Database(MemoryStorage()) as database:
        for name in ("a", "b"):
            await database.views.query(Query(name))
        await database.commit({name: [Op(RECORDS, "insert", ("t1", {}, {}))] for name in ("a", "b")})
    assert heard == [["a", "b"]]
