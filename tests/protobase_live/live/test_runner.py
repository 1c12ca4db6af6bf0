"""Queries that are run once take turns, and end at their limits."""

import asyncio

import pytest

from protobase_live.errors import LimitExceeded, Overloaded, Unavailable
from protobase_live.live.limits import ViewLimits
from protobase_live.live.runner import Runner
from protobase_live.live.turnstile import Turnstile


class FakePlan:
    """Gives batches of one row and counts them, and makes ``size`` bytes of values for each."""

    def __init__(self, batches, rows=1, size=1):
        self.batches, self.rows, self.size = batches, rows, size
        self.made = 0
        self.pinned = False

    def steps(self, budget):
        for number in range(self.batches):
            self.made += 1
            budget.spend(self.size)
            yield [{"n": number}] * self.rows

    def pin(self):
        self.pinned = True


async def ready():
    pass


def running(runner, plan):
    return asyncio.ensure_future(runner.run(lambda: plan, ready))


def runner_of(**limits):
    return Runner(ViewLimits(**limits), Turnstile())


async def test_a_short_query_is_not_pinned():
    plan = FakePlan(1)
    assert await running(runner_of(), plan) == [{"n": 0}]
    assert not plan.pinned


async def test_many_queries_make_one_step_in_a_round():
    runner, plans = runner_of(), [FakePlan(50) for _ in range(20)]
    tasks = [running(runner, plan) for plan in plans]
    before = most = 0
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0)
        made = sum(plan.made for plan in plans)
        before, most = made, max(most, made - before)
    assert most == 2, "the first two steps of a query come together"
    assert all(len(task.result()) == 50 for task in tasks)
    assert all(plan.pinned for plan in plans)


async def test_long_queries_are_limited_and_short_ones_go_on():
    runner = runner_of(long_queries=2)
    long = [running(runner, FakePlan(100)) for _ in range(2)]
    for _ in range(20):
        await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="2 long queries run already"):
        await running(runner, FakePlan(100))
    assert await running(runner, FakePlan(1)) == [{"n": 0}]
    await asyncio.gather(*long)
    await running(runner, FakePlan(100))


@pytest.mark.parametrize(
    ("limits", "error", "named"),
    [
        ({"query_rows": 10}, LimitExceeded, "query_rows"),
        ({"query_steps": 10}, LimitExceeded, "query_steps"),
        ({"all_query_steps": 10}, Overloaded, "all_query_steps"),
        ({"query_bytes": 10}, LimitExceeded, "query_bytes"),
        ({"all_query_bytes": 10}, Overloaded, "all_query_bytes"),
    ],
)
async def test_limits_name_themselves(limits, error, named):
    runner = runner_of(**limits)
    with pytest.raises(error, match=named):
        await running(runner, FakePlan(20))
    assert len(await running(runner, FakePlan(8))) == 8, "what was taken is given back"


async def test_even_a_short_answer_has_its_limit():
    with pytest.raises(LimitExceeded, match="query_rows"):
        await running(runner_of(query_rows=10), FakePlan(1, rows=11))


async def test_a_query_whose_collections_do_not_stay_gives_up():
    asked = []

    async def count():
        asked.append(1)

    with pytest.raises(Unavailable, match="does not stay in memory"):
        await runner_of().run(lambda: None, count)
    assert len(asked) == 5


async def test_one_that_is_given_up_leaves_nothing_behind():
    runner = runner_of(long_queries=1)
    task = running(runner, FakePlan(100))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert len(await running(runner, FakePlan(100))) == 100
