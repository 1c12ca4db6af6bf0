"""A transaction over several collections reaches the views with its last part."""

from __future__ import annotations

from typing import Any, cast

from protobase_live.database.together import Together
from protobase_live.live.views import Show, Views


class Heard:
    """Views that note what they are shown."""

    def __init__(self) -> None:
        self.shows: list[list[Show]] = []

    def show(self, shows: Any) -> None:
        self.shows.append(list(shows))


A, B = Show("a", [("k", {})], {}), Show("b", [("k", {})], {})


def together(parts: int) -> tuple[Heard, Together]:
    heard = Heard()
    gathered = Together(cast(Views, heard))
    for _ in range(parts):
        gathered.expect()
    return heard, gathered


def test_all_at_once() -> None:
    heard, gathered = together(2)
    gathered.arrive([A])
    assert heard.shows == []
    gathered.arrive([B])
    assert heard.shows == [[A, B]]


def test_a_part_that_never_comes_holds_nobody_up() -> None:
    heard, gathered = together(2)
    gathered.arrive([A])
    gathered.arrive()
    assert heard.shows == [[A]]
