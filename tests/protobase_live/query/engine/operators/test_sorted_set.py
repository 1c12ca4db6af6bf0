from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.query.engine.operators import sorted_set
from protobase_live.query.engine.operators.sorted_set import SortedSet


@given(changes=st.lists(st.integers(0, 20)), most=st.integers(0, 10))
def test_is_a_set_in_order_however_large(changes: list[int], most: int) -> None:
    plain, sorted_set.MAX_PLAIN = sorted_set.MAX_PLAIN, most
    try:
        found: SortedSet[int] = SortedSet()
        expected: set[int] = set()
        for element in changes:
            (found.remove if element in expected else found.add)(element)
            expected ^= {element}
            assert list(found) == sorted(expected)
            assert (len(found), bool(found)) == (len(expected), bool(expected))
            assert not expected or (found[0], found[-1]) == (min(expected), max(expected))
    finally:
        sorted_set.MAX_PLAIN = plain
