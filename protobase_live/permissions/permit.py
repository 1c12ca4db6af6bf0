"""A grant, ready to be asked in a collection's turn."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from protobase_live.model.operations import Op, Read
from protobase_live.permissions.grant import Grant
from protobase_live.permissions.judging import Judge, Rows
from protobase_live.permissions.reading import Ask, answer_in_steps
from protobase_live.permissions.sight import Sight


class Permit:
    """What somebody may read and write in one collection. It goes with what he asks and writes, as data."""

    def __init__(self, grant: Grant) -> None:
        self.sight = Sight(grant.reads)
        self._judge = Judge(grant.writes, self.sight)

    def answer_in_steps(self, read: Read, ask: Ask) -> Generator[None, None, Any]:
        """See `reading.answer_in_steps`."""
        return answer_in_steps(self.sight, read, ask)

    def judge_in_steps(self, ops: Sequence[Op], rows: Rows) -> Generator[None, None, Sequence[Op]]:
        """See `Judge.judge_in_steps`."""
        return self._judge.judge_in_steps(ops, rows)


Permits = Mapping[str, Permit]
"""By collection; of one that is not named all may be read and written."""

NO_PERMITS: Permits = {}
"""Of whom nobody limits."""
