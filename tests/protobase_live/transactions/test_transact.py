"""`transact`: retried on Conflict, fair, bounded, not nested."""

import asyncio
from functools import partial
from unittest.mock import AsyncMock

import pytest

from protobase_live.errors import Closed, Conflict, Unavailable, ValidationError
from protobase_live.transactions import Contenders, Transaction, TransactionLimits, transact


async def bump(tx):
    """Read, let others run, write: conflicts with every other bump under way."""
    row = await tx["tasks"].get("n") or {"n": 0}
    await asyncio.sleep(0)
    tx["tasks"].put({"n": row["n"] + 1}, key="n")
    return row["n"] + 1


async def test_the_result_is_returned(backend):
    contenders = Contenders()
    assert await transact(backend, bump, contenders=contenders) == 1
    assert (
        await transact(backend, lambda tx: tx["tasks"].insert(title="a", key="a"), contenders=contenders)
        == "a"
    )
    assert await transact(backend, lambda tx: 7, contenders=contenders) == 7
    assert len(backend.commits) == 2


def plain(tx):
    yield tx["tasks"].put({"n": 1}, key="n")


async def asynchronous(tx):
    yield await tx["tasks"].put({"n": 1}, key="n")


class Written:
    def __call__(self, tx):
        yield tx["tasks"].put({"n": 1}, key="n")


@pytest.mark.parametrize("fn", [plain, asynchronous, partial(plain), Written()])
async def test_a_generator_which_would_never_run_is_refused(backend, fn):
    said = r"transact\(\): a generator function does not run by itself; .* 'return'.* and no 'yield'"
    with pytest.raises(ValidationError, match=said):
        await transact(backend, fn, contenders=Contenders())
    assert backend.commits == []


async def test_contenders_all_get_through(backend):
    contenders = Contenders()
    results = await asyncio.gather(*(transact(backend, bump, contenders=contenders) for _ in range(50)))
    assert sorted(results) == list(range(1, 51))
    async with Transaction(backend) as tx:
        assert await tx["tasks"].get("n") == {"n": 50}


async def test_the_last_conflict_is_raised(backend):
    attempts = 0

    def fn(tx):
        nonlocal attempts
        attempts += 1
        raise Conflict("always")

    contenders = Contenders()
    with pytest.raises(Conflict, match=r"gave up after 3 attempts \(transact_attempts\): always") as raised:
        await transact(backend, fn, contenders=contenders, limits=TransactionLimits(transact_attempts=3))
    assert raised.value.retryable
    assert attempts == 3
    with pytest.raises(Conflict, match="after 32 attempts"):
        await transact(backend, fn, contenders=contenders)
    assert not len(contenders)


async def test_other_errors_are_not_retried(backend):
    attempts = 0

    def fn(tx):
        nonlocal attempts
        attempts += 1
        tx["tasks"].insert(title="a", key="a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transact(backend, fn, contenders=Contenders())
    assert attempts == 1
    assert backend.commits == []


class Moves:
    """Moves one from ``a`` to ``b``, which have 10 together; somebody else does so between its reads."""

    def __init__(self, backend, times: int) -> None:
        self.backend = backend
        self.times = times
        self.attempts = 0

    async def __call__(self, tx) -> None:
        self.attempts += 1
        a = (await tx["tasks"].get("a"))["n"]
        if self.attempts <= self.times:
            await self.move()
        b = (await tx["tasks"].get("b"))["n"]
        if a + b != 10:
            raise ZeroDivisionError("the books are wrong")
        tx["tasks"].put({"n": a - 1}, key="a")
        tx["tasks"].put({"n": b + 1}, key="b")

    async def move(self) -> None:
        async with Transaction(self.backend) as tx:
            for key, by in (("a", -1), ("b", 1)):
                tx["tasks"].put({"n": (await tx["tasks"].get(key))["n"] + by}, key=key)


@pytest.fixture
async def books(backend):
    async with Transaction(backend) as tx:
        tx["tasks"].put({"n": 7}, key="a")
        tx["tasks"].put({"n": 3}, key="b")
    return backend


async def test_what_is_raised_of_half_a_transaction_is_told_to_nobody(books):
    moves = Moves(books, 3)
    await transact(books, moves, contenders=Contenders())
    assert moves.attempts == 4
    async with Transaction(books) as tx:
        assert await tx["tasks"].items() == {"a": {"n": 3}, "b": {"n": 7}}


async def test_it_counts_as_an_attempt_and_is_told_after_the_last_one(books):
    moves, limits = Moves(books, 9), TransactionLimits(transact_attempts=3)
    with pytest.raises(ZeroDivisionError) as raised:
        await transact(books, moves, contenders=Contenders(), limits=limits)
    assert moves.attempts == 3
    assert isinstance(raised.value.__cause__, Conflict)


async def test_nobody_waits_for_long_to_learn_whether_it_is_still_so(books):
    async def fn(tx):
        await tx["tasks"].get("a")
        books.commit = never
        raise ZeroDivisionError

    async def never(*_: object) -> None:
        await asyncio.get_running_loop().create_future()

    limits = TransactionLimits(recheck_seconds=0)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(transact(books, fn, contenders=Contenders(), limits=limits), 10)


async def test_the_end_of_waiting_is_not_checked(books):
    async def fn(tx):
        await tx["tasks"].get("a")
        books.commit = AsyncMock()
        raise TimeoutError

    with pytest.raises(TimeoutError):
        await transact(books, fn, contenders=Contenders())
    books.commit.assert_not_awaited()


async def test_what_is_raised_of_what_is_so_is_raised(books):
    attempts, commits = 0, len(books.commits)

    async def fn(tx):
        nonlocal attempts
        attempts += 1
        if (await tx["tasks"].get("a"))["n"] < 100:
            tx["tasks"].delete("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transact(books, fn, contenders=Contenders())
    assert attempts == 1
    assert all(not writes for writes, _, _ in books.commits[commits:])


async def test_where_it_cannot_be_checked_what_the_function_raised_is_raised(books):
    async def fn(tx):
        await tx["tasks"].get("a")
        books.commit = AsyncMock(side_effect=Closed("the database is closed"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transact(books, fn, contenders=Contenders())
    books.commit.assert_awaited_once()


async def test_what_may_be_tried_again_is_not_checked(books):
    async def fn(tx):
        await tx["tasks"].get("a")
        books.commit = AsyncMock()
        raise Unavailable("the storage does not answer")

    with pytest.raises(Unavailable):
        await transact(books, fn, contenders=Contenders())
    books.commit.assert_not_awaited()


async def test_the_author_is_recorded(backend):
    await transact(backend, bump, contenders=Contenders(), author="ann")
    assert backend.commits[0][2] == "ann"


class Retry:
    """A function that meets a conflict at its first attempt and waits in the second one."""

    def __init__(self, collection):
        self.collection = collection
        self.attempts = 0
        self.waits = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, tx):
        self.attempts += 1
        await tx[self.collection].get("n")
        if self.attempts == 1:
            raise Conflict("somebody else was faster")
        self.waits.set()
        await self.go_on.wait()
        tx[self.collection].put({}, key="n")


async def test_a_slow_retry_stops_those_of_its_collection_only(backend):
    contenders = Contenders()
    slow, same, other = Retry("a"), Retry("a"), Retry("b")
    retries = [
        asyncio.ensure_future(transact(backend, each, contenders=contenders)) for each in (slow, same, other)
    ]
    await slow.waits.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert (slow.attempts, same.attempts, other.attempts) == (2, 1, 2)
    for each in (slow, same, other):
        each.go_on.set()
    await asyncio.gather(*retries)
    assert same.attempts == 2
    assert not len(contenders)


async def nested(backend):
    return await transact(backend, bump, contenders=Contenders())


async def test_it_is_refused_inside_itself(backend):
    async def outer(tx):
        tx["tasks"].put({}, key="outer")
        await nested(backend)

    with pytest.raises(ValidationError, match="give that function's tx"):
        await transact(backend, outer, contenders=Contenders())
    assert backend.commits == []
    assert await nested(backend) == 1


async def test_it_is_refused_in_a_task_that_its_function_waits_for(backend):
    async def outer(tx):
        await asyncio.gather(nested(backend))

    with pytest.raises(ValidationError, match="inside the function of another transact"):
        await transact(backend, outer, contenders=Contenders())


async def test_a_task_that_outlives_it_may_use_it(backend):
    left = asyncio.Event()

    async def later():
        await left.wait()
        return await nested(backend)

    async def outer(tx):
        return asyncio.ensure_future(later())

    task = await transact(backend, outer, contenders=Contenders())
    left.set()
    assert await task == 1


async def test_one_after_the_other_is_no_nesting(backend):
    async def fails(tx):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transact(backend, fails, contenders=Contenders())
    assert [await nested(backend) for _ in range(2)] == [1, 2]
