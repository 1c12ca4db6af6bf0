"""Folding a log into one update, without holding up the event loop.

A small log is folded where it is, a large one by a process of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from protobase_actors import Clock
from protobase_live.collection.aside import answer, give_way, run_aside
from protobase_live.collection.limits import Limits
from protobase_live.document.held import OVERHEAD_BYTES, Room
from protobase_live.errors import StorageFailed
from protobase_live.protocol.yjs.structs import Structs, collect, join

INLINE_BYTES = 16 * 1024
"""Largest log that is folded in the event loop; it takes some milliseconds."""


def fold(updates: Sequence[bytes], most_waiting: int = Room().client_bytes) -> bytes:
    """One update with the effect of all; what was deleted is left out.

    What lacks something that none of them has is in it, too, behind gaps, and waits as before. The result is
    read again and compared, clock by clock, with all that was not deleted, before anything may be dropped.

    Raises:
        MalformedUpdate: one of them is no update.
        StorageFailed: the result is not what was folded, or more than ``most_waiting`` bytes wait, which a
            document would not hold.
    """
    whole, left = collect(updates)
    small = whole.copy()
    small.compact()
    waiting = join(left)
    if len(waiting) > most_waiting - OVERHEAD_BYTES:
        raise StorageFailed(
            f"{len(waiting)} bytes of a log lack what comes before them, and {most_waiting} are held "
            f"(held_client_bytes)"
        )
    folded = join([small.encode(), waiting]) if left else small.encode()
    again = Structs()
    rest = again.take(folded, lenient=True)
    waits_again = join([rest.update] if rest else [])
    if again.vector != whole.vector or again.deletes != small.deletes or waits_again != waiting:
        raise StorageFailed("a folded log is not what it was made of; nothing was dropped")
    if (found := whole.differs_from(again)) is not None:
        raise StorageFailed(
            f"a folded log has something else at {found} (client, clock); nothing was dropped"
        )
    return folded


async def fold_aside(updates: Sequence[bytes], clock: Clock, limits: Limits) -> bytes:
    """`fold`, in a process of its own if it is large.

    Raises:
        MalformedUpdate: a small log holds what is no update.
        StorageFailed: what `fold` raises; or that process failed, be it for what a large log holds.
        TimeoutError: it took longer than ``fold_seconds``.
    """
    if sum(map(len, updates)) <= INLINE_BYTES:
        return fold(updates, limits.held_client_bytes)
    given = list(updates), limits.held_client_bytes
    return await run_aside(fold, given, "folding a log", clock, limits.fold_seconds)


if __name__ == "__main__":
    give_way()
    answer(fold)
