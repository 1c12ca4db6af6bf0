"""Nothing overtakes a transaction over several collections, and nobody sees a part of it."""

from __future__ import annotations

from protobase_actors import ManualClock
from protobase_live.database.database import Database
from protobase_live.live.show import Show, Together
from protobase_live.live.views import Views
from protobase_live.operations import RECORDS, Op
from protobase_live.query.query import Query
from protobase_storage import MemoryStorage


class Heard(Views):
    """Views that note what they are shown at once."""

    def __init__(self) -> None:
        super().__init__(self._nothing, ManualClock())
        self.heard: list[str] = []

    async def _nothing(self, collection: str) -> None: ...

    def _show(self, shows) -> None:
        self.heard.append("+".join(f"{show.collection}{show.vector['x']}" for show in shows))


def show(collection: str, number: int) -> Show:
    return Show(collection, [], {"x": number})


def together(parts: int = 2) -> Together:
    made = Together()
    for _ in range(parts):
        made.expect()
    return made


def test_all_at_once_and_what_follows_waits() -> None:
    views, joint = Heard(), together()
    views.take(show("a", 1))
    views.take(show("a", 2), joint)
    views.take(show("a", 3))
    assert views.heard == ["a1"]
    views.take(show("b", 1), joint)
    views.take(show("b", 2))
    assert views.heard == ["a1", "a2+b1", "a3", "b2"]


def test_one_behind_the_other() -> None:
    views, first, second = Heard(), together(), together(3)
    views.take(show("a", 1), first)
    views.take(show("a", 2), second)
    views.take(show("c", 1), second)
    views.take(show("b", 1), first)
    assert views.heard == ["a1+b1"]
    views.take(show("b", 2), second)
    assert sorted(views.heard[1].split("+")) == ["a2", "b2", "c1"]


def test_a_part_that_never_comes_holds_nobody_up() -> None:
    views, joint = Heard(), together()
    views.take(show("a", 1), joint)
    joint.give_up()
    assert views.heard == ["a1"]
    joint = together()
    joint.give_up()
    views.take(show("a", 2), joint)
    assert views.heard == ["a1", "a2"]


def test_a_collection_that_ends() -> None:
    views, joint = Heard(), together()
    views.take(show("a", 1), joint)
    views.take(show("a", 2))
    views.end("a")  # its part is forgotten with it
    views.take(show("b", 1), joint)
    assert views.heard == ["b1"]
    joint, behind = together(), together()
    views.take(show("a", 3), joint)
    views.take(show("a", 4), behind)
    views.take(show("c", 1), behind)
    views.end("a")
    assert views.heard == ["b1", "c1"]


def test_a_transaction_that_no_query_asks_about() -> None:
    joint = together()
    joint.give_up()
    joint.give_up()
    assert joint.missing == 0


async def test_collections_show_their_parts_of_a_transaction_at_once(monkeypatch) -> None:
    heard: list[list[str]] = []
    shown = Views._show
    monkeypatch.setattr(
        Views,
        "_show",
        lambda views, shows: heard.append([show.collection for show in shows]) or shown(views, shows),
    )
    async with Database(MemoryStorage()) as database:
        for name in ("a", "b"):
            await database.views.query(Query(name))
        await database.commit({name: [Op(RECORDS, "insert", ("t1", {}, {}))] for name in ("a", "b")})
    assert heard == [["a", "b"]]
