"""Turns are shown in order, each once it is durable."""

from __future__ import annotations

import asyncio
import gc

import pytest

from protobase_live.collection.pipeline import Pipeline


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def dropped() -> list[str]:
    return []


@pytest.fixture
def failures() -> list[BaseException]:
    return []


@pytest.fixture
async def pipeline(shown, dropped, failures) -> Pipeline[str]:
    return Pipeline(2, shown.append, lambda turn, error: dropped.append(turn), failures.append)


def future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_a_turn_without_a_commit_is_shown_at_once_if_nothing_is_before_it(pipeline, shown) -> None:
    pipeline.push("a", None)
    assert shown == ["a"]


async def test_order_is_kept(pipeline, shown) -> None:
    first = future()
    pipeline.push("a", first)
    pipeline.push("b", None)
    assert (shown, pipeline.full) == ([], True)
    first.set_result(None)
    await pipeline.room(1)
    assert (shown, len(pipeline)) == (["a", "b"], 0)


async def test_room_is_waited_for(pipeline, shown) -> None:
    futures = [future(), future()]
    for name, durable in zip("ab", futures, strict=True):
        pipeline.push(name, durable)
    room = asyncio.ensure_future(pipeline.room())
    await asyncio.sleep(0)
    assert not room.done()
    futures[0].set_result(None)
    await room
    assert shown == ["a"]


async def test_after_a_failure_nothing_is_shown(pipeline, shown, dropped, failures) -> None:
    futures = [future(), future()]
    for name, durable in zip("ab", futures, strict=True):
        pipeline.push(name, durable)
    futures[0].set_exception(OSError("no space"))
    futures[1].set_result(None)
    await asyncio.sleep(0)
    pipeline.push("c", None)
    assert (shown, dropped, [str(error) for error in failures]) == ([], ["a", "b", "c"], ["no space"])
    await pipeline.room()  # there is nothing to wait for
    await pipeline.settled()
    pipeline.begin_again()
    pipeline.push("d", None)
    assert (shown, pipeline.failed) == (["d"], False)


async def test_a_lost_turn_is_known_at_once_and_told_in_its_place(pipeline, shown, dropped, failures) -> None:
    futures = [future(), future()]
    for name, durable in zip("ab", futures, strict=True):
        pipeline.push(name, durable)
    assert not pipeline.failed
    futures[1].set_exception(OSError("no room"))
    assert pipeline.failed  # before the event loop has told the pipeline: nothing may be stored behind it
    await asyncio.sleep(0)
    assert (shown, dropped) == ([], [])
    futures[0].set_result(None)
    await asyncio.sleep(0)
    assert (shown, dropped, len(failures)) == (["a"], ["b"], 1)
    assert pipeline.failed


async def test_a_turn_that_cannot_be_shown_is_dropped_with_the_rest(dropped, failures) -> None:
    def broken(turn: str) -> None:
        raise RuntimeError(f"{turn} cannot be shown")

    pipeline = Pipeline(2, broken, lambda turn, error: dropped.append(turn), failures.append)
    futures = [future(), future()]
    for name, durable in zip("ab", futures, strict=True):
        pipeline.push(name, durable)
    futures[0].set_result(None)
    await asyncio.sleep(0)
    assert (dropped, [str(error) for error in failures]) == (["a", "b"], ["a cannot be shown"])
    settled = asyncio.ensure_future(pipeline.settled())
    await asyncio.sleep(0)
    assert not settled.done(), "the second one is still being stored"
    futures[1].set_result(None)
    await settled


async def test_every_failure_of_the_storage_is_heard(pipeline) -> None:
    """An exception that nobody looks at is told by asyncio when it is freed."""
    told: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["message"]))
    futures = [future(), future()]
    for name, durable in zip("ab", futures, strict=True):
        pipeline.push(name, durable)
    futures[1].set_exception(OSError("no room"))
    await asyncio.sleep(0)
    futures[0].set_exception(OSError("no disk"))
    await asyncio.sleep(0)
    del durable
    futures.clear()
    gc.collect()
    assert told == []


async def test_the_next_turn_waits_for_one_that_takes_a_while_to_show(dropped, failures) -> None:
    shown: list[str] = []
    under_way = future()

    def show(turn: str) -> asyncio.Future[None] | None:
        shown.append(turn)
        return under_way if turn == "a" else None

    pipeline = Pipeline(2, show, lambda turn, error: dropped.append(turn), failures.append)
    durable = future()
    pipeline.push("a", durable)
    durable.set_result(None)
    await asyncio.sleep(0)
    pipeline.push("b", None)
    settled = asyncio.ensure_future(pipeline.settled())
    await asyncio.sleep(0)
    assert (shown, pipeline.full, settled.done()) == (["a"], True, False)
    under_way.set_result(None)
    await settled
    assert (shown, len(pipeline), dropped, failures) == (["a", "b"], 0, [], [])


async def test_what_goes_wrong_while_a_turn_is_shown_drops_it(dropped, failures) -> None:
    under_way = future()
    pipeline = Pipeline(2, lambda turn: under_way, lambda turn, error: dropped.append(turn), failures.append)
    durable = future()
    pipeline.push("a", durable)
    pipeline.push("b", None)
    durable.set_result(None)
    await asyncio.sleep(0)
    under_way.set_exception(RuntimeError("a cannot be shown"))
    await asyncio.sleep(0)
    assert (dropped, [str(error) for error in failures]) == (["a", "b"], ["a cannot be shown"])


async def test_what_is_not_answered_is_given_up_and_lost_again_when_it_is(
    pipeline, shown, dropped, failures
) -> None:
    late, behind, error = future(), future(), OSError("no answer")
    pipeline.push("a", late)
    pipeline.push("b", behind)
    pipeline.give_up(error)
    assert (dropped, failures, pipeline.silent) == (["a", "b"], [error], True)
    await pipeline.settled()  # nobody waits for it any more
    pipeline.begin_again()
    pipeline.push("a question", None)
    assert shown == ["a question"]
    late.set_result(None)
    await asyncio.sleep(0)
    assert (pipeline.silent, pipeline.failed) == (True, False)
    behind.set_exception(OSError("nor was it stored"))
    await asyncio.sleep(0)
    assert (pipeline.silent, failures) == (False, [error, error])
