"""One update with the effect of many."""

from __future__ import annotations

from collections.abc import Iterable

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.structs.structs import Structs


def merge(updates: Iterable[bytes]) -> bytes:
    """One update with the effect of all, in order, and without what they delete.

    What means something impossible counts as deleted.

    Raises:
        MalformedUpdate: one of them is no update, or they lack something that they build on.
    """
    structs = Structs()
    lacking = [rest for update in updates if (rest := structs.take(update, lenient=True))]
    for rest in lacking:
        left = structs.take(rest.update, lenient=True)
        if left is not None:
            raise MalformedUpdate(f"the updates lack what comes before {dict(left.waits)} (clocks by client)")
    structs.compact()
    return structs.encode()
