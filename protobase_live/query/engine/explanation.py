"""What `explain` answers: the operators a query runs through, and how many rows each is expected to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.values import short
from protobase_live.query.engine.access import RESIDUAL
from protobase_live.query.engine.operator import Operator
from protobase_live.query.engine.operators.concatenation import Concatenation
from protobase_live.query.engine.operators.counting import Counting
from protobase_live.query.engine.operators.filter import Filter
from protobase_live.query.engine.operators.source import Source
from protobase_live.query.engine.operators.window import Window

MAX_EXPLANATION_DEPTH = 200
"""Most operators inside each other that `Explanation.parse` reads."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One operator: its name, what it does, about how many rows it gives, and where it has them from.

    ``str()`` prints the tree, with what comes last on top.
    """

    name: str
    detail: str
    rows: int
    inputs: tuple[Explanation, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self._lines(""))

    def _lines(self, indent: str) -> list[str]:
        detail = f" {self.detail}" if self.detail else ""
        lines = [f"{indent}{self.name}{detail}  (~{self.rows} {'row' if self.rows == 1 else 'rows'})"]
        return lines + [line for each in self.inputs for line in each._lines(indent + "  ")]

    def form(self) -> dict[str, Any]:
        """The explanation as a plain dict, which `parse` reads."""
        inputs = [each.form() for each in self.inputs]
        return {"name": self.name, "detail": self.detail, "rows": self.rows, "inputs": inputs}

    @classmethod
    def parse(cls, form: Any) -> Explanation:
        """The explanation that `form` gave. Raises ValidationError for anything else."""
        return _parse(form, MAX_EXPLANATION_DEPTH)


def _parse(form: Any, depth: int) -> Explanation:
    match form:
        case {"name": str(name), "detail": str(detail), "rows": int(rows), "inputs": [*inputs]} if depth:
            below = tuple(_parse(each, depth - 1) for each in inputs)
            return Explanation(name, detail, rows, below)
        case _:
            raise ValidationError(
                f"{short(form)} is no explanation: expected name, detail, rows and inputs, "
                f"at most {MAX_EXPLANATION_DEPTH} inside each other"
            )


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
