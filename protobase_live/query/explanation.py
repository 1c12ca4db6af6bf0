"""What `explain` answers: the operators a query runs through, and how many rows each is expected to give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.values import short

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
