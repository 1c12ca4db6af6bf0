"""Explanations print as a tree and travel as plain dicts."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.errors import ValidationError
from protobase_live.query.explanation import MAX_EXPLANATION_DEPTH, Explanation

TREE = Explanation("window", "limit 1", 1, (Explanation("source", "tasks: scan", 200),))


def test_a_tree_is_printed_with_what_comes_last_on_top() -> None:
    assert str(TREE) == "window limit 1  (~1 row)\n  source tasks: scan  (~200 rows)"


def test_the_form_is_read_again() -> None:
    assert Explanation.parse(TREE.form()) == TREE


def deep(levels: int) -> dict[str, Any]:
    form = TREE.form()
    for _ in range(levels):
        form = {"name": "filter", "detail": "", "rows": 1, "inputs": [form]}
    return form


@pytest.mark.parametrize(
    "form",
    [None, [], {}, {**TREE.form(), "rows": "1"}, {**TREE.form(), "inputs": [3]}, deep(MAX_EXPLANATION_DEPTH)],
)
def test_anything_else_is_no_explanation(form: Any) -> None:
    with pytest.raises(ValidationError, match="is no explanation"):
        Explanation.parse(form)
