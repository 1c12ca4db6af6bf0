"""A grant, ready to be asked in a collection's turn."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from protobase_live.document import Condition, Judge, Scope
from protobase_live.model.operations import Op, Read
from protobase_live.permissions.grant import Grant
from protobase_live.permissions.judging import Rows, TransactionJudge
from protobase_live.permissions.reading import Ask, answer_in_steps
from protobase_live.permissions.sight import Sight
from protobase_live.query.ast.expressions import Expr
from protobase_live.query.engine.code import compile_condition


class Permit:
    """What somebody may read and write in one collection. It goes with what he asks and writes, as data."""

    def __init__(self, grant: Grant) -> None:
        self.sight = Sight(grant.reads)
        self._judge = TransactionJudge(_scopes(grant), self.sight)

    def answer_in_steps(self, read: Read, ask: Ask) -> Generator[None, None, Any]:
        """See `reading.answer_in_steps`."""
        return answer_in_steps(self.sight, read, ask)

    def judge_in_steps(self, ops: Sequence[Op], rows: Rows) -> Generator[None, None, Sequence[Op]]:
        """See `TransactionJudge.judge_in_steps`."""
        return self._judge.judge_in_steps(ops, rows)


def permit_of(grant: Grant) -> Permit | None:
    """The permit of a grant; None: there is nothing that may be read, or written, in parts alone."""
    limited = [action for action in ("read", "write") if grant.allows(action) and not grant.is_whole(action)]
    return Permit(grant) if limited else None


def judge_of(grant: Grant) -> Judge | None:
    """Who judges what is written by Yjs clients, who see all; None: they may write all of it."""
    return None if grant.is_whole("write") else Judge(scopes=_scopes(grant))


def _scopes(grant: Grant) -> list[Scope]:
    return [
        Scope(each.records, each.fields, each.structures, _compiled(each.old), _compiled(each.new))
        for each in grant.writes
    ]


def _compiled(condition: Expr | None) -> Condition | None:
    return None if condition is None else compile_condition(condition)


Permits = Mapping[str, Permit]
"""By collection; of one that is not named all may be read and written."""

NO_PERMITS: Permits = {}
"""Of whom nobody limits."""
