"""What a server counts, in Prometheus' words."""

from protobase_live.server.counters import Durations, Tally


def test_a_tally_has_a_line_for_each_value():
    tally = Tally("door")
    tally.add("yjs")
    tally.add("live", 3)
    tally.add("yjs")
    assert tally["yjs"] == 2
    assert tally.lines("x_total") == ['x_total{door="live"} 3', 'x_total{door="yjs"} 2']


def test_durations_are_a_histogram():
    durations = Durations()
    for seconds in (0.0, 0.001, 0.25, 100.0):
        durations.add(seconds)
    lines = durations.lines("x_seconds")
    assert lines[0] == 'x_seconds_bucket{le="0.001"} 2'
    assert 'x_seconds_bucket{le="0.3"} 3' in lines
    assert lines[-3:] == ['x_seconds_bucket{le="+Inf"} 4', "x_seconds_sum 100.251", "x_seconds_count 4"]
