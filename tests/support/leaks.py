"""What is left of something that was done many times: Python's memory, and its objects by type."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable

TIMES = 350
"""How often it is done in one round: more than a thousand times in all."""

ROUNDS = 8
"""How often it is looked at most, after a first round that fills what is bounded."""

BYTES_EACH = 60
"""Less than a name in a dict: whatever stays of one time is seen in the sum."""


async def assert_nothing_stays(
    work: Callable[[int], Awaitable[object]], times: int = TIMES, bytes_each: int = BYTES_EACH
) -> None:
    """``work(n)``, which does something n times, leaves nothing behind.

    It is done as often before, to fill what is bounded: caches, free lists, the space of dicts. Such a thing
    still grows in later rounds, ever less; what stays of each time grows by as much in every one. So it is
    looked again while too much is left, and an error is what was left in each round.
    """
    tracemalloc.start()
    try:
        await work(times)
        objects, grown = await _grown(work, times)
        for _ in range(ROUNDS - 1):
            if not objects and grown < bytes_each * times:
                return
            more, size = await _grown(work, times)
            objects, grown = objects & more, min(grown, size)
    finally:
        tracemalloc.stop()
    assert not objects, f"objects stay: {objects}"
    assert grown < bytes_each * times, f"{grown} bytes stay of {times} times"


async def _grown(work: Callable[[int], Awaitable[object]], times: int) -> tuple[Counter[str], int]:
    """What is there more after one round: objects by type, where they are many, and bytes."""
    before, size = _objects(), tracemalloc.get_traced_memory()[0]
    await work(times)
    after = _objects()
    grown = tracemalloc.get_traced_memory()[0] - size - _size(after)
    many = {name: count for name, count in (after - before).items() if count >= times // 4}
    return Counter(many), grown


def _objects() -> Counter[str]:
    for _ in range(3):
        gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def _size(names: Counter[str]) -> int:
    """What the count itself takes, in bytes."""
    return sys.getsizeof(names) + sum(map(sys.getsizeof, names))
