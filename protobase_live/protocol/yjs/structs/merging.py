"""One update with the effect of many."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.protocol.yjs.structs.joining import join
from protobase_live.protocol.yjs.structs.structs import Structs


def collect(updates: Iterable[bytes]) -> tuple[Structs, list[bytes]]:
    """The structs of many updates, whichever of them builds on which, and what lacks something, as updates.

    What means something impossible counts as deleted.

    Raises:
        MalformedUpdate: one of them is no update.
    """
    structs = Structs()
    left = [rest for update in updates if (rest := structs.take(update, lenient=True))]
    before = None
    while left != before:
        before = left
        left = [rest for each in before if (rest := structs.take(each.update, lenient=True))]
    return structs, [rest.update for rest in left]


def merge(updates: Iterable[bytes]) -> bytes:
    """One update with the effect of all, without what they delete. What lacks something goes on waiting.

    Raises:
        MalformedUpdate: one of them is no update.
    """
    structs, left = collect(updates)
    structs.compact()
    return join([structs.encode(), *left]) if left else structs.encode()
