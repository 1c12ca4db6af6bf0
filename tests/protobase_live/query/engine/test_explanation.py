"""Explanations print as a tree and travel as plain dicts."""

from __future__ import annotations

from typing import Any

import pytest

from protobase_live.errors import ValidationError
from protobase_live.query.ast.expressions import F
from protobase_live.query.engine.explanation import MAX_EXPLANATION_DEPTH, Explanation
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.plan import plan_fetch
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query

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


def test_a_query_is_explained() -> None:
    tables = {
        "tasks": Table("tasks", {f"t{n}": {"owner": f"u{n % 10}", "n": n} for n in range(1000)}),
        "users": Table("users", {f"u{n}": {"team": "red"} for n in range(2000)}),
    }
    tables["tasks"].declare(index_paths("owner", "n"))
    for _ in tables["tasks"].building():
        pass
    query = (
        Query("tasks").where((F.owner == "u1") & (F.n > 500)).join("users", on={"owner": "_key"}, as_="user")
    )
    assert str(plan_fetch(query.order_by("-user.team").limit(5), tables).explain()) == "\n".join(
        [
            "window limit 5  (~5 rows)",
            "  ordering user.team descending  (~50 rows)",
            "    index join inner, owner == user._key, users: by key  (~50 rows)",
            "      source tasks: index on owner, n for ((owner == 'u1') and (n > 500))  (~50 rows)",
        ]
    )
