"""What a query would do is told before it is run."""

from __future__ import annotations

from protobase_live.query.ast.expressions import F
from protobase_live.query.engine.index import index_paths
from protobase_live.query.engine.plan import plan_fetch
from protobase_live.query.engine.table import Table
from protobase_live.query.language.query import Query


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
