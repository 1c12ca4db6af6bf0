"""Lines of those who try again: one a collection, in order, without waiting for each other."""

import asyncio
import gc

from protobase_live.transactions import Contenders


async def visit(contenders, collections, log, name, go_on=None):
    async with contenders.alone(collections):
        log.append(name)
        if go_on is not None:
            await go_on.wait()


async def started(*visits):
    tasks = [asyncio.ensure_future(each) for each in visits]
    for _ in range(10):
        await asyncio.sleep(0)
    return tasks


async def test_those_of_one_collection_go_one_after_the_other():
    contenders, log, go_on = Contenders(), [], asyncio.Event()
    tasks = await started(*(visit(contenders, "a", log, n, go_on) for n in range(3)))
    assert log == [0]
    go_on.set()
    await asyncio.gather(*tasks)
    assert log == [0, 1, 2]


async def test_those_of_others_do_not_wait():
    contenders, log, go_on = Contenders(), [], asyncio.Event()
    tasks = await started(
        visit(contenders, ["a", "b"], log, "ab", go_on),
        visit(contenders, ["b", "c"], log, "bc", go_on),
        visit(contenders, ["d"], log, "d", go_on),
        visit(contenders, [], log, "none"),
    )
    assert log == ["ab", "d", "none"]
    go_on.set()
    await asyncio.gather(*tasks)
    assert log[-1] == "bc"


async def test_the_order_of_the_names_does_not_matter():
    contenders, log, go_on = Contenders(), [], asyncio.Event()
    tasks = await started(
        visit(contenders, ["a"], log, "a", go_on),
        visit(contenders, ["a", "b"], log, "ab"),
        visit(contenders, ["b", "a"], log, "ba"),
    )
    go_on.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, True, True]
    assert log == ["a", "ab", "ba"]


async def test_who_gives_up_leaves_the_line_and_nothing_is_kept():
    contenders, log, go_on = Contenders(), [], asyncio.Event()
    tasks = await started(*(visit(contenders, "a", log, n, go_on) for n in range(3)))
    assert len(contenders) == 1
    tasks[1].cancel()
    go_on.set()
    await asyncio.wait(tasks)
    assert log == [0, 2]
    tasks.clear()  # the one that was cancelled remembers where
    gc.collect()
    assert len(contenders) == 0
