"""Elements in the order in which they came."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protobase_actors import OrderedSet


@given(st.lists(st.tuples(st.sampled_from(["add", "discard"]), st.integers(0, 5))))
def test_is_a_set_in_order(steps: list[tuple[str, int]]) -> None:
    elements, model = OrderedSet[int](), list[int]()
    for step, element in steps:
        getattr(elements, step)(element)
        if step == "add" and element not in model:
            model.append(element)
        elif step == "discard" and element in model:
            model.remove(element)
        assert list(elements) == model
        assert len(elements) == len(model)
        assert (element in elements) == (element in model)
