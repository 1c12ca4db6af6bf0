"""How a query would be answered, and about how many rows each of its operators gives."""

from __future__ import annotations

from protobase_live.query.engine.access import RESIDUAL
from protobase_live.query.engine.operator import Operator
from protobase_live.query.engine.operators.concatenation import Concatenation
from protobase_live.query.engine.operators.counting import Counting
from protobase_live.query.engine.operators.filter import Filter
from protobase_live.query.engine.operators.source import Source
from protobase_live.query.engine.operators.window import Window
from protobase_live.query.explanation import Explanation


def explain(operator: Operator) -> Explanation:
    """The explanation of a tree that is to be fetched."""
    inputs = tuple(map(explain, operator.inputs))
    return Explanation(operator.name, operator.detail, estimate(operator), inputs)


def estimate(operator: Operator) -> int:
    """About how many rows an operator gives: what its source reads, as far as limits let through.

    Where rows are joined or grouped nothing is known but how many come in.
    """
    if isinstance(operator, Source):
        return 0 if operator.access is None else operator.access.rows
    if isinstance(operator, Counting):
        return 1
    inputs = [estimate(each) for each in operator.inputs]
    if isinstance(operator, Concatenation):
        return sum(inputs)
    if isinstance(operator, Filter):
        return inputs[0] // RESIDUAL
    if isinstance(operator, Window):
        left = max(inputs[0] - operator.step.offset, 0)
        return left if operator.step.limit is None else min(left, operator.step.limit)
    return max(inputs)
