"""What a server counts."""

import pytest

from protobase_live.server.counters import BUCKETS, Counters, Durations, Tally


def test_a_tally_has_a_figure_for_each_value():
    tally = Tally("door")
    tally.add("yjs")
    tally.add("live", 3)
    tally.add("yjs")
    assert tally["yjs"] == 2
    figure = tally.figure
    assert (figure.label, figure.values) == ("door", {"live": 3, "yjs": 2})
    tally.add("peer")
    assert "peer" not in figure.values, "it is of its moment"


def test_durations_are_a_histogram():
    durations = Durations()
    for seconds in (0.0, 0.001, 0.25, 100.0):
        durations.add(seconds)
    figure = durations.figure
    assert figure.bounds == BUCKETS
    assert figure.counts == (2, 0, 0, 0, 0, 1, 0, 0, 0, 1)
    assert figure.total == pytest.approx(100.251)


def test_codes_that_clients_make_up_are_counted_as_one():
    counters = Counters()
    for code in range(3000, 5000):
        counters.closed(code)
    for code in (1000, 1001, 1006, None):
        counters.closed(code)
    values = counters.closes.figure.values
    own = {"3000", "4400", "4401", "4403", "4404", "4408", "4410", "4413", "4429"}
    assert own <= set(values) <= own | {"1000", "1001", "1006", "none", "other"}
    assert values["other"] == 2000 - len(own)
    assert (values["1006"], values["none"]) == (1, 1)
