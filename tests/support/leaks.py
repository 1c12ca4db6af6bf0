"""What is left of something that was done many times: Python's memory, and its objects by type."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable

TIMES = 350
"""How often it is done in one round: more than a thousand times in all."""

ROUNDS = 2
"""How often it is looked at, after a first round that fills what is bounded."""

BYTES_EACH = 60
"""Less than a name in a dict: whatever stays of one time is seen in the sum."""


async def assert_nothing_stays(
    work: Callable[[int], Awaitable[object]], times: int = TIMES, bytes_each: int = BYTES_EACH
) -> None:
    """``work(n)``, which does something n times, leaves nothing behind.

    It is done as often before, to fill what is bounded: caches, free lists, the space of dicts. Such a thing
    may still grow in one round; what stays of each time grows in every one.
    """
    tracemalloc.start()
    try:
        await work(times)
        rounds = [await _grown(work, times) for _ in range(ROUNDS)]
    finally:
        tracemalloc.stop()
    objects = {name: min(left[name] for left, _ in rounds) for name in rounds[0][0]}
    left = {name: count for name, count in objects.items() if count >= times // 4}
    assert not left, f"objects stay: {left}"
    grown = min(size for _, size in rounds)
    assert grown < bytes_each * times, f"{grown} bytes stay of {times} times"


async def _grown(work: Callable[[int], Awaitable[object]], times: int) -> tuple[Counter[str], int]:
    """What is there more after one round: objects by type, and bytes."""
    before, size = _objects(), tracemalloc.get_traced_memory()[0]
    await work(times)
    after = _objects()
    return after - before, tracemalloc.get_traced_memory()[0] - size - _size(after)


def _objects() -> Counter[str]:
    for _ in range(3):
        gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def _size(names: Counter[str]) -> int:
    """What the count itself takes, in bytes."""
    return sys.getsizeof(names) + sum(map(sys.getsizeof, names))
