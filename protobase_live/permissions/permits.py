"""What somebody may read and write in a collection, as its turn asks for it.

What answers is imported with the first grant that limits somebody: who limits nobody starts without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from protobase_live.document import Judge
from protobase_live.model.operations import Op, Read, Target

if TYPE_CHECKING:
    from protobase_live.permissions.grant import Grant
    from protobase_live.permissions.permit import GrantPermit
    from protobase_live.structures import Stored


class Permit(Protocol):
    """What somebody may read and write in one collection. It goes with what he asks and writes, as data."""

    def answer_in_steps(self, read: Read, ask: Callable[[Read], Any]) -> Generator[None, None, Any]:
        """See `reading.answer_in_steps`."""
        ...

    def judge_in_steps(
        self, ops: Sequence[Op], rows: Mapping[str, dict[str, Any]], stored: Callable[[Target], Stored]
    ) -> Generator[None, None, Sequence[Op]]:
        """See `TransactionJudge.judge_in_steps`."""
        ...


Permits = Mapping[str, Permit]
"""By collection; of one that is not named all may be read and written."""

NO_PERMITS: Permits = {}
"""Of whom nobody limits."""


def permit_of(grant: Grant) -> GrantPermit | None:
    """The permit of a grant; None: there is nothing that may be read, or written, in parts alone."""
    if all(grant.is_whole(action) or not grant.allows(action) for action in ("read", "write")):
        return None
    from protobase_live.permissions.permit import GrantPermit

    return GrantPermit(grant)


def judge_of(grant: Grant) -> Judge | None:
    """Who judges what is written by Yjs clients, who see all; None: they may write all of it.

    Grants that say the same have the same judge, as long as not many others came between.
    """
    if grant.is_whole("write"):
        return None
    from protobase_live.permissions.permit import judge_of_writes

    return judge_of_writes(grant)
