"""A grant, ready to be asked in a collection's turn."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from functools import lru_cache
from typing import Any

from protobase_live.document import Condition, Judge, Scope
from protobase_live.model.operations import Op, Read
from protobase_live.permissions.grant import Grant, WriteScope
from protobase_live.permissions.judging import Rows, StoredAt, TransactionJudge
from protobase_live.permissions.reading import Ask, answer_in_steps
from protobase_live.permissions.sight import Sight
from protobase_live.query.ast.expressions import Expr
from protobase_live.query.engine.code import compile_condition
from protobase_live.query.engine.effort import apart
from protobase_live.query.language.canonical import expr_form, text_of


class GrantPermit:
    """The `Permit` of one."""

    def __init__(self, grant: Grant) -> None:
        self.sight = Sight(grant.reads)
        self._judge = TransactionJudge(_scopes(grant), self.sight)

    def answer_in_steps(self, read: Read, ask: Ask) -> Generator[None, None, Any]:
        """See `reading.answer_in_steps`."""
        return answer_in_steps(self.sight, read, ask)

    def judge_in_steps(
        self, ops: Sequence[Op], rows: Rows, stored: StoredAt
    ) -> Generator[None, None, Sequence[Op]]:
        """See `TransactionJudge.judge_in_steps`."""
        return self._judge.judge_in_steps(ops, rows, stored)


def judge_of_writes(grant: Grant) -> Judge:
    """See `permits.judge_of`, of a grant that does not let all be written."""
    return _judge(_Saying(grant))


class _Saying:
    """A grant, equal to those that let the same be written."""

    def __init__(self, grant: Grant) -> None:
        self.grant = grant
        self._said = tuple(map(_said, grant.writes))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Saying) and self._said == other._said

    def __hash__(self) -> int:
        return hash(self._said)


def _said(scope: WriteScope) -> Hashable:
    conditions = [None if each is None else text_of(expr_form(each)) for each in (scope.old, scope.new)]
    return scope.records, scope.fields, scope.structures, *conditions


@lru_cache(maxsize=1_000)
def _judge(saying: _Saying) -> Judge:
    return Judge(scopes=_scopes(saying.grant))


def _scopes(grant: Grant) -> list[Scope]:
    return [
        Scope(each.records, each.fields, each.structures, _compiled(each.old), _compiled(each.new))
        for each in grant.writes
    ]


def _compiled(condition: Expr | None) -> Condition | None:
    return None if condition is None else apart(compile_condition(condition))
