"""What all connections hold together, and who gives way."""

from __future__ import annotations

import pytest

from protobase_live.server.counters import Counters
from protobase_live.server.holdings import Holdings


class Holder:
    def __init__(self, address: str | None) -> None:
        self.address = address
        self.reasons: list[str] = []

    def give_way(self, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def holdings(counters: Counters) -> Holdings:
    return Holdings(100, "all_backlog_bytes", counters)


def test_what_each_holds_now_counts(holdings: Holdings):
    one, other = Holder("a"), Holder(None)
    holdings.weigh(one, 10)
    holdings.weigh(one, 30)
    holdings.weigh(other, 70)
    assert (holdings.total, holdings.full) == (100, True)
    holdings.weigh(one, 0)
    holdings.weigh(one, 0)
    assert (holdings.total, holdings.full) == (70, False)
    holdings.weigh(other, 0)
    assert holdings.total == 0


def test_the_oldest_of_the_heaviest_address_gives_way(holdings: Holdings, counters: Counters):
    innocent, first, second = Holder("a"), Holder("b"), Holder("b")
    holdings.weigh(innocent, 50)
    holdings.weigh(first, 20)
    holdings.weigh(second, 20)
    holdings.weigh(first, 40)
    holdings.make_room()
    assert (innocent.reasons, second.reasons) == ([], [])
    assert first.reasons == ["all clients hold 100 bytes already (all_backlog_bytes)"]
    assert (holdings.total, counters.limits["all_backlog_bytes"]) == (70, 1)


def test_one_that_is_too_much_alone_gives_way(holdings: Holdings):
    one = Holder(None)
    holdings.weigh(one, 101)
    holdings.make_room()
    assert (len(one.reasons), holdings.total) == (1, 0)


def test_one_may_change_its_address_meanwhile(holdings: Holdings):
    one = Holder(None)
    holdings.weigh(one, 1)
    one.address = "a"
    holdings.weigh(one, 0)
    holdings.weigh(one, 1)
    holdings.weigh(one, 0)
    assert holdings.total == 0
