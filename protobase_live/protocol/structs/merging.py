"""One update with the effect of many."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.structs.structs import Structs


def collect(updates: Iterable[bytes]) -> Structs:
    """The structs of many updates, whichever of them builds on which.

    What means something impossible counts as deleted.

    Raises:
        MalformedUpdate: one of them is no update, or they lack something that they build on.
    """
    structs = Structs()
    left = [rest for update in updates if (rest := structs.take(update, lenient=True))]
    while left:
        before = left
        left = [rest for each in before if (rest := structs.take(each.update, lenient=True))]
        if left == before:
            waits = dict(left[0].waits)
            raise MalformedUpdate(f"the updates lack what comes before {waits} (clocks by client)")
    return structs


def merge(updates: Iterable[bytes]) -> bytes:
    """One update with the effect of all, without what they delete. Raises what `collect` raises."""
    structs = collect(updates)
    structs.compact()
    return structs.encode()
