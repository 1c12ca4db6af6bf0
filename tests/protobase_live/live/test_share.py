"""One client that asks for much leaves room for others."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Overloaded
from protobase_live.live.limits import ViewLimits
from protobase_live.live.views import Views
from protobase_live.model.arrival import Arrival
from protobase_live.query.ast.expressions import F
from protobase_live.query.language.query import Query


class Numbers:
    """A database with one collection of many records."""

    def __init__(self, **limits: Any) -> None:
        clock = ManualClock()
        self.views = Views(self._begin, clock, partial(Arrival, clock, 1.0, "here"), ViewLimits(**limits))

    async def _begin(self, name: str) -> None:
        table = self.views.table(name)
        table.apply((str(n), {"n": n}) for n in range(5_000))
        self.views.begin(table, {"here": 0}, [])


def above(number: int) -> Query:
    return Query("numbers").where(F.n > number)


async def test_the_queries_of_one_client_leave_slots_to_others() -> None:
    views = Numbers(long_queries=4, client_queries=2).views
    greedy, other = views.share().part(), views.share().part()
    many = [asyncio.ensure_future(greedy.query(above(n))) for n in range(10)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(await other.query(above(-1))) == 5_000
    assert not all(task.done() for task in many), "they go on beside it"
    assert [len(found) for found in await asyncio.gather(*many)] == [4_999 - n for n in range(10)]


async def test_the_live_queries_of_one_client_are_counted() -> None:
    views = Numbers(client_views=3).views
    greedy, other = views.share().part(), views.share().part()
    watched = [await greedy.watch(above(n)) for n in range(3)]
    with pytest.raises(Overloaded, match=r"3 queries already \(client_views\)"):
        await greedy.watch(above(3))
    await (await other.watch(above(3))).pull()
    watched[0].close()
    await (await greedy.watch(above(3))).pull()


async def test_so_are_their_rows_also_those_of_views_that_others_made() -> None:
    views = Numbers(client_view_rows=10_000).views
    greedy, other = views.share().part(), views.share().part()
    await (await other.watch(above(0))).pull()
    watched = [await greedy.watch(above(n)) for n in range(2)]
    with pytest.raises(Overloaded, match=r"10000 rows with this one \(client_view_rows\)"):
        await greedy.watch(above(2))
    await (await greedy.watch(above(4_997))).pull()
    await (await other.watch(above(2))).pull()
    watched[0].close()
    await (await greedy.watch(above(2))).pull()


async def test_the_connections_of_one_client_share_what_it_may_take() -> None:
    views = Numbers(identity_views=3, identity_view_rows=30_000, client_views=2).views
    mine, theirs = views.share(), views.share()
    one, another = mine.part(), mine.part()
    watched = [await part.watch(above(n)) for n, part in enumerate([one, one, another])]
    with pytest.raises(Overloaded, match=r"3 queries already \(identity_views\)"):
        await another.watch(above(3))
    await (await theirs.part().watch(above(3))).pull()
    watched[0].close()
    await (await another.watch(above(3))).pull()


async def test_so_with_their_rows_and_their_queries_at_once() -> None:
    views = Numbers(identity_view_rows=10_000, identity_queries=1, long_queries=2).views
    mine = views.share()
    one, another = mine.part(), mine.part()
    await one.watch(above(-1))
    await another.watch(above(0))
    with pytest.raises(Overloaded, match="identity_view_rows"):
        await another.watch(above(1))
    found = await asyncio.gather(*(part.query(above(n)) for part in (one, another) for n in range(5)))
    assert len(found) == 10, "others wait instead of being refused (long_queries)"


@pytest.mark.parametrize("whose", ["client", "identity"])
async def test_so_with_the_bytes_that_they_make(whose: str) -> None:
    views = Numbers(**{f"{whose}_view_bytes": 100_000}).views
    one, other = views.share().part(), views.share().part()

    def long(number: int) -> Query:
        return Query("numbers").where(F.n < number).select(text=F._key + "x" * 1_000)

    await one.watch(long(60))
    with pytest.raises(Overloaded, match=rf"100000 bytes .* \({whose}_view_bytes\)"):
        await one.watch(long(59))
    await other.watch(long(59))
    await one.watch(above(0))


async def test_what_is_refused_is_not_watched() -> None:
    views = Numbers(client_view_rows=10, lingering_views=0).views
    with pytest.raises(Overloaded):
        await views.share().part().watch(above(0))
    assert views.count == 0
