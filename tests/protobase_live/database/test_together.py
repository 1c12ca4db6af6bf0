"""A transaction over several collections reaches the views with its last part."""

from __future__ import annotations

from typing import Any, cast

from protobase_live.database.together import Together
from protobase_live.live.show import Show
from protobase_live.live.views import Views


class Heard:
    """Views that note what they are shown."""

    def __init__(self) -> None:
        self.shows: list[list[Show]] = []

    def show(self, shows: Any) -> None:
        self.shows.append(list(shows))


def together(parts: int) -> tuple[Together, Heard, Show, Show]:
    gathered, heard = Together(), Heard()
    for _ in range(parts):
        gathered.expect()
    a, b = (Show(cast(Views, heard), name, [("k", {})], {}) for name in "ab")
    return gathered, heard, a, b


def test_all_at_once() -> None:
    gathered, heard, a, b = together(2)
    gathered.arrive(a)
    assert heard.shows == []
    gathered.arrive(b)
    assert heard.shows == [[a, b]]


def test_a_part_that_never_comes_holds_nobody_up() -> None:
    gathered, heard, a, _ = together(2)
    gathered.arrive(a)
    gathered.arrive()
    assert heard.shows == [[a]]


def test_a_transaction_that_no_query_asks_about() -> None:
    gathered, heard, _, _ = together(2)
    gathered.arrive()
    gathered.arrive()
    assert heard.shows == []
