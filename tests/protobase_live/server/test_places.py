"""How many each holder may have."""

from __future__ import annotations

import pytest

from protobase_live.errors import Overloaded
from protobase_live.server.counters import Counters
from protobase_live.server.places import Places


def test_each_has_so_many_and_nobody_is_remembered():
    counters = Counters()
    places = Places(2, "address_connections", counters, advice="; go away")
    places.take("a")
    places.take("a")
    with pytest.raises(Overloaded, match=r"a has 2 already \(address_connections\); go away"):
        places.take("a")
    assert counters.limits["address_connections"] == 1
    with places.one("b"):
        assert len(places) == 2
    places.give_back("a")
    places.take("a")
    for _ in range(2):
        places.give_back("a")
    assert not len(places)


def test_nobody_counts_for_whom_there_is_no_name():
    places = Places(0, "x", Counters())
    places.take(None)
    places.give_back(None)
    assert not len(places)
