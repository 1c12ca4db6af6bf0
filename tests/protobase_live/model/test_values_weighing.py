"""Values are weighed with all that is in them."""

from __future__ import annotations

from protobase_live.model.values.weighing import VALUE_BYTES, weight


def test_values_are_weighed() -> None:
    assert weight("abc") == weight(b"abc") == 3
    assert weight(["abc", 1]) == VALUE_BYTES + 3 + VALUE_BYTES
    assert weight({"a": {"b": "abc"}, "c": None}) == VALUE_BYTES + (VALUE_BYTES + 3) + VALUE_BYTES
