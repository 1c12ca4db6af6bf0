"""All queries of a database, over collections that are told by hand what they show."""

import asyncio
from functools import partial

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Closed, LimitExceeded, Overloaded, Unavailable
from protobase_live.live.limits import ViewLimits
from protobase_live.live.table_change import JointChange, TableChange
from protobase_live.live.view import View
from protobase_live.live.views import JOINED_ROWS, Views
from protobase_live.model.arrival import Arrival
from protobase_live.query.ast.aggregates import collect, min
from protobase_live.query.ast.expressions import F
from protobase_live.query.engine.effort import multiplied
from protobase_live.query.language.query import Query
from protobase_live.query.result.diff import INSERT_SLICE


class Collections:
    """Stands for the actors: what each collection has shown, and how often it was asked to begin."""

    def __init__(self, clock, **records):
        self.records = records
        self.begun = []
        self.shows = 0
        self.clock = clock
        self.limited()

    def limited(self, **limits):
        arrival = partial(Arrival, self.clock, 3.0, "here")
        self.views = Views(self.begin, self.clock, arrival, ViewLimits(**limits))
        return self

    async def begin(self, name):
        self.begun.append(name)
        await asyncio.sleep(0)
        table = self.views.table(name)
        table.apply(self.records[name].items())
        self.views.begin(table, {"here": 0}, [])

    def show(self, name, joint_change=None, **records):
        self.shows += 1
        self.records[name].update(records)
        self.views.take(TableChange(name, list(records.items()), {"here": self.shows}), joint_change)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def collections(clock):
    rows = {str(n): {"n": n, "even": n % 2 == 0} for n in range(10)}
    return Collections(clock, tasks=rows, users={"ann": {"n": 1}})


def numbers(rows):
    return sorted(row["n"] for row in rows)


def inserted(diff):
    return sorted(change.row["n"] for change in diff.changes if change.kind == "insert")


async def test_a_collection_is_asked_once_to_begin(collections):
    query = Query("tasks").where(F.even)
    found = await asyncio.gather(*(collections.views.query(query) for _ in range(3)))
    assert [numbers(rows) for rows in found] == [[0, 2, 4, 6, 8]] * 3
    await collections.views.query(query)
    assert len(collections.begun) <= 3
    assert set(collections.begun) == {"tasks"}


async def test_a_query_sees_what_was_shown(collections):
    await collections.views.query(Query("tasks"))
    collections.show("tasks", a={"n": 100, "even": True})
    assert 100 in numbers(await collections.views.query(Query("tasks")))


async def test_who_watches_the_same_shares_a_view(collections):
    one, other = [await collections.views.watch(Query("tasks").where(F.even)) for _ in range(2)]
    assert inserted(await one.pull()) == inserted(await other.pull()) == [0, 2, 4, 6, 8]
    collections.show("tasks", a={"n": 100, "even": True}, b={"n": 101, "even": False})
    assert inserted(await one.pull()) == inserted(await other.pull()) == [100]
    assert one.poll() is None
    one.close()
    with pytest.raises(Closed):
        await one.pull()


async def test_parts_of_a_transaction_are_shown_together(collections):
    watched = [await collections.views.watch(Query(name)) for name in ("tasks", "users")]
    for each in watched:
        await each.pull()
    joint_change = JointChange()
    joint_change.expect()
    joint_change.expect()
    collections.show("tasks", joint_change, a={"n": 100})
    collections.show("tasks", b={"n": 101})
    assert [each.poll() for each in watched] == [None, None]
    assert 100 not in numbers(await collections.views.query(Query("tasks")))
    collections.show("users", joint_change, bob={"n": 102})
    assert [inserted(each.poll()) for each in watched] == [[100, 101], [102]]


async def test_a_collection_that_ends_ends_its_views(collections):
    tasks, users = [await collections.views.watch(Query(name)) for name in ("tasks", "users")]
    for each in (tasks, users):
        await each.pull()
    collections.views.end("tasks")
    with pytest.raises(Unavailable, match="'tasks' is loaded again"):
        tasks.poll()
    assert users.poll() is None
    assert len(await collections.views.query(Query("tasks"))) == 10


async def test_a_view_lingers_for_a_while(collections, clock):
    (await collections.views.watch(Query("tasks"))).close()
    assert collections.views.busy("tasks")
    assert collections.views.busy("tasks"), "the view is still there"
    await clock.advance(ViewLimits().linger_seconds)
    assert not collections.views.busy("tasks")


async def test_what_one_client_leaves_behind_is_bounded(collections):
    views = collections.limited(lingering_views=3).views
    for number in range(20):
        (await views.watch(Query("tasks").where(F.n > number))).close()
    assert views.count == 3


async def test_those_that_nobody_watches_make_room(collections):
    views = collections.limited(views=3).views
    for number in range(5):
        (await views.watch(Query("tasks").where(F.n > number))).close()
    watched = [await views.watch(Query("tasks").where(F.n > 100 + number)) for number in range(3)]
    with pytest.raises(Overloaded, match=r"3 live queries already \(views\)"):
        await views.watch(Query("tasks"))
    for each in watched:
        await each.pull()


async def test_all_rows_together_are_bounded(collections):
    views = collections.limited(all_view_rows=25).views
    lingering = await views.watch(Query("tasks").where(F.n >= 0))
    lingering.close()
    first = await views.watch(Query("tasks").where(F.n > -1))
    second = await views.watch(Query("tasks").where(F.n > -2))
    with pytest.raises(Overloaded, match=r"25 rows already \(all_view_rows\)"):
        await views.watch(Query("tasks").where(F.n > -3))
    small = await views.watch(Query("tasks").where(F.n > 4))
    for each in (first, second, small):
        await each.pull()


async def test_a_view_that_is_filled_lets_others_run(collections):
    collections.records["tasks"] = {str(n): {"n": n} for n in range(500)}
    opening = asyncio.ensure_future(collections.views.watch(Query("tasks")))
    rounds = 0
    while not opening.done():
        await asyncio.sleep(0)
        rounds += 1
    assert rounds > 500 // 32
    assert len((await opening.result().pull()).changes) == 500


async def test_a_large_snapshot_is_told_with_pauses(collections):
    collections.records["tasks"] = {f"{n:05}": {"n": n} for n in range(3 * INSERT_SLICE)}
    first = await collections.views.watch(Query("tasks"))
    second = await collections.views.watch(Query("tasks"))
    pulling = asyncio.ensure_future(first.pull_in_steps())
    rounds = 0
    while not pulling.done():
        await asyncio.sleep(0)
        rounds += 1
        if rounds == 1:  # behind what is told
            collections.show("tasks", **{"00000": {"n": -1}})
    assert rounds >= 3
    told = pulling.result()
    assert told.reset
    assert [change.position for change in told.changes] == list(range(3 * INSERT_SLICE))
    assert told.changes[0].row["n"] == 0
    (change,) = (await first.pull_in_steps()).changes
    assert (change.kind, change.row["n"]) == ("update", -1)
    assert (await second.pull()).changes[1:] == told.changes[1:]


async def test_a_join_that_multiplies_is_filled_in_small_steps(collections, monkeypatch):
    collections.records["tasks"] = {str(n): {"n": n, "one": 1} for n in range(300)}
    made = []
    fill = View.fill
    monkeypatch.setattr(View, "fill", lambda view, changes: fill(view, changes) or made.append(multiplied()))
    watched = await collections.views.watch(
        Query("tasks").join("tasks", on=[(F.one, F.one)], as_="other").count()
    )
    ((change),) = (await watched.pull()).changes
    assert change.row == {"count": 300 * 300}
    assert sorted(made)[-3] <= 2 * JOINED_ROWS  # each row is made once as it was, and once as it is
    assert max(made) <= 8 * JOINED_ROWS


async def test_the_end_of_the_database_ends_all(collections):
    watched = await collections.views.watch(Query("tasks"))
    collections.views.close()
    with pytest.raises(Closed):
        await watched.pull()
    with pytest.raises(Closed):
        await collections.views.query(Query("tasks"))


@pytest.mark.parametrize(
    "query",
    [
        Query("tasks").select(twice=F.text + F.text),
        Query("tasks").group_by(all=collect(F.text)),
        Query("tasks").group_by("n", all=collect(F.text + F.text)),
        Query("tasks").group_by(least=min(F.text + F._key + F.text)),
        Query("tasks").order_by(F.text + F.text),
    ],
)
async def test_what_a_live_query_makes_is_bounded_in_bytes(collections, query):
    views = collections.limited(view_bytes=20_000).views
    watched = await views.watch(query)
    await watched.pull()
    plain = await views.watch(Query("tasks"))
    await plain.pull()
    for number in range(30):
        collections.show("tasks", **{f"t{number}": {"n": number, "text": "x" * 1_000}})
    with pytest.raises(LimitExceeded, match=r"20000 bytes \(view_bytes\)"):
        await watched.pull()
    assert len((await plain.pull()).changes) == 30
    with pytest.raises(LimitExceeded, match="view_bytes"):
        await views.watch(query)


async def test_what_live_queries_make_is_bounded_together(collections):
    views = collections.limited(all_view_bytes=20_000).views
    collections.records["tasks"]["t"] = {"n": 1, "text": "x" * 4_000}
    (await views.watch(Query("tasks").select("n", twice=F.text + F.text))).close()
    one, other = [await views.watch(Query("tasks").select(twice=F.text + F.text + end)) for end in "ab"]
    with pytest.raises(Overloaded, match=r"20000 bytes already \(all_view_bytes\)"):
        await views.watch(Query("tasks").select(twice=F.text + F.text + "c"))
    one.close()
    await views.watch(Query("tasks").select(twice=F.text + F.text + "c"))
    await other.pull()
