"""A commit finds the views it can concern, before the change and after it."""

from __future__ import annotations

from typing import Any, cast

from protobase_live.live.routes import Routes
from protobase_live.query.ast.ordering import sort_key

A, B, EVERY = (cast(Any, name) for name in ("view of a", "view of b", "view of all"))


def wanted(path: str, value: Any) -> Any:
    return [{tuple(path.split(".")): sort_key(value)}]


def test_by_the_value_before_and_after() -> None:
    routes = Routes()
    routes.add(A, wanted("owner", "a"))
    routes.add(B, wanted("owner", "b"))
    routes.add(EVERY, [{}])
    moved = ("t1", {"owner": "a"}, {"owner": "b"})
    other = ("t2", None, {"owner": "c"})
    assert routes.concerned([moved, other]) == {A: [moved], B: [moved], EVERY: [moved, other]}
    assert len(routes) == 3


def test_one_and_true_are_different() -> None:
    routes = Routes()
    routes.add(A, wanted("flag", True))
    assert not routes.concerned([("t", None, {"flag": 1})])
    assert routes.concerned([("t", None, {"flag": True})])


def test_nested_fields_keys_and_what_is_missing() -> None:
    routes = Routes()
    routes.add(A, wanted("address.city", None))
    routes.add(B, wanted("_key", "t2"))
    nothing, city = ("t1", None, {"address": 5}), ("t2", None, {"_key": "t2", "address": {"city": "x"}})
    assert routes.concerned([nothing, city]) == {A: [nothing], B: [city]}


def test_a_view_that_uses_a_collection_twice() -> None:
    routes = Routes()
    routes.add(A, [*wanted("owner", "a"), *wanted("boss", "a")])
    both = ("t", {"owner": "a", "boss": "a"}, None)
    assert routes.concerned([both]) == {A: [both]}
    routes.add(B, [*wanted("owner", "a"), {}])
    elsewhere = ("u", None, {"owner": "z"})
    assert routes.concerned([elsewhere]) == {B: [elsewhere]}


def test_a_view_that_left_is_not_found() -> None:
    routes = Routes()
    routes.add(A, wanted("owner", "a"))
    routes.remove(A)
    routes.remove(A)
    assert not routes.concerned([("t", None, {"owner": "a"})])
    assert len(routes) == 0


def test_nothing_stays_of_views_that_left() -> None:
    routes = Routes()
    routes.add(A, [*wanted("owner", "a"), *wanted("owner", "a"), *wanted("boss", "b")])
    routes.add(B, wanted("owner", "b"))
    routes.remove(A)
    assert set(routes._by_value) == {("owner",)}
    assert routes.concerned([("t", None, {"owner": "b"})])
    routes.remove(B)
    assert not routes._by_value
