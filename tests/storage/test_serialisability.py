"""The checker of histories finds what no order of transactions explains."""

from __future__ import annotations

import pytest

from tests.support.serialisability import Place, Ran, Version, cycle_in

X: Place = ("a", "x")
Y: Place = ("b", "y")


def ran(name: str, read: dict[Place, Version], *wrote: Place) -> Ran:
    return Ran(name, read, set(wrote))


def test_one_after_the_other_is_no_cycle() -> None:
    history = [
        ran("3", {X: "1", Y: "2"}),
        ran("1", {X: None}, X),
        ran("2", {X: "1", Y: None}, Y),
        ran("0", {X: None, Y: None}),
        ran("4", {X: "1", Y: "2"}, X, Y),
    ]
    assert cycle_in(history) is None


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([ran("1", {X: None}, X), ran("2", {X: None}, X)], id="lost update"),
        pytest.param([ran("1", {X: None, Y: None}, X), ran("2", {X: None, Y: None}, Y)], id="write skew"),
        pytest.param([ran("1", {X: None, Y: None}, X, Y), ran("2", {X: "1", Y: None})], id="half of it read"),
        pytest.param(
            [
                ran("1", {X: None}, X),
                ran("2", {Y: None}, Y),
                ran("3", {X: "1", Y: None}),
                ran("4", {X: None, Y: "2"}),
            ],
            id="seen in two orders",
        ),
        pytest.param([ran("1", {X: "0"})], id="never committed"),
    ],
)
def test_a_cycle_is_found(history: list[Ran]) -> None:
    assert cycle_in(history) is not None
