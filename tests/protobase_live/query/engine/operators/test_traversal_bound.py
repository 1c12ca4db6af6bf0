"""What one change of a traversal moves is bounded."""

from __future__ import annotations

import pytest

from protobase_live.errors import LimitExceeded
from protobase_live.query.engine.plan import plan_push
from protobase_live.query.language.query import Query


def test_everybody_refers_to_everybody() -> None:
    keys = [f"k{n}" for n in range(200)]
    tree = plan_push(Query("t").traverse("refs", 100))
    with pytest.raises(LimitExceeded, match="MAX_PUSHED_REFERENCES"):
        tree.push({"t": [(key, None, {"refs": keys, "_key": key}) for key in keys]})
