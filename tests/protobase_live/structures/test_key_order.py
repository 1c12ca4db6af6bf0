"""Keys are sorted once, for the first page, and stay in order."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.structures.key_order import KeyOrder

keys = st.text("ab\U0001f600\uffff", max_size=3)


class Counted(dict[str, int]):
    """Says how often all keys were looked at."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        self.looks += 1
        return super().__iter__()


def test_pages_look_at_all_keys_once() -> None:
    rows = Counted({f"k{n}": n for n in range(100)})
    order = KeyOrder(rows)
    assert rows.looks == 0
    after, found = None, list[str]()
    while page := order.page(after, 7):
        found += page
        after = page[-1]
        rows[f"z{len(found)}"] = 0
        order.add(f"z{len(found)}")
        if len(rows) > 110:
            break
    assert found == sorted(rows)[: len(found)]
    assert rows.looks == 2  # the other one is `sorted`


@given(st.lists(keys), keys | st.none(), st.integers(1, 5), st.booleans())
def test_as_a_sorted_list(changed: list[str], after: str | None, limit: int, asked: bool) -> None:
    rows: dict[str, int] = {"a": 0, "b": 0}
    order = KeyOrder(rows)
    if asked:
        order.page(None, 1)
    for key in changed:
        if rows.pop(key, None) is None:
            rows[key] = 0
            order.add(key)
        else:
            order.discard(key)
    found = sorted(rows)
    assert order.page(after, limit) == [key for key in found if after is None or key > after][:limit]
    assert list(order.walk(0, len(order), back=True)) == found[::-1]
