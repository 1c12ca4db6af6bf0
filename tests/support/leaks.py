"""What is left of something that was done many times: Python's memory, and its objects by type."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable

TIMES = 500
"""How often it is done, twice: a thousand times in all."""

BYTES_EACH = 60
"""Less than a name in a dict: whatever stays of one time is seen in the sum."""


async def assert_nothing_stays(
    work: Callable[[int], Awaitable[object]], times: int = TIMES, bytes_each: int = BYTES_EACH
) -> None:
    """``work(n)``, which does something n times, leaves nothing behind.

    It is done as often before, to fill what is bounded: caches, free lists, the space of dicts.
    """
    tracemalloc.start()
    try:
        await work(times)
        objects, size = _objects(), tracemalloc.get_traced_memory()[0]
        await work(times)
        more = _objects()
        grown = tracemalloc.get_traced_memory()[0] - size - (_size(more) if more else 0)
    finally:
        tracemalloc.stop()
    left = {name: count for name, count in (more - objects).items() if count >= times // 4}
    assert not left, f"objects stay: {left}"
    assert grown < bytes_each * times, f"{grown} bytes stay of {times} times"


def _objects() -> Counter[str]:
    for _ in range(3):
        gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


def _size(names: Counter[str]) -> int:
    """What the count itself takes, in bytes."""
    return sys.getsizeof(names) + sum(map(sys.getsizeof, names))
