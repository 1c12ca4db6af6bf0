"""One page of all workers."""

from protobase_live.workers.figures import Gathering, one_page

ONE = """\
# HELP a Things.
# TYPE a gauge
a 1.0
# HELP b_seconds How long.
# TYPE b_seconds histogram
b_seconds_bucket{le="0.1"} 2.0
b_seconds_count 2.0
"""
OTHER = """\
# HELP a Things.
# TYPE a gauge
a 3.0
"""


def test_each_sample_names_its_worker_and_families_stay_together() -> None:
    assert one_page({1: OTHER, 0: ONE}, 3).splitlines() == [
        "# HELP a Things.",
        "# TYPE a gauge",
        'a{worker="0"} 1.0',
        'a{worker="1"} 3.0',
        "# HELP b_seconds How long.",
        "# TYPE b_seconds histogram",
        'b_seconds_bucket{worker="0",le="0.1"} 2.0',
        'b_seconds_count{worker="0"} 2.0',
        "# HELP protobase_worker_deaths_total Workers that have died, and were started again.",
        "# TYPE protobase_worker_deaths_total counter",
        "protobase_worker_deaths_total 3",
    ]


def test_pages_are_kept_as_they_come() -> None:
    """Whatever is not there when the wait ends: the others are."""
    found = Gathering()
    found.take(2, ONE)
    assert not found.complete.is_set(), "nobody has said yet who was asked"
    found.expect([1, 2])
    assert not found.complete.is_set()
    assert found.pages == {2: ONE}
    found.take(1, OTHER)
    assert found.complete.is_set()


def test_who_is_alone_waits_for_nobody() -> None:
    found = Gathering()
    found.expect([])
    assert found.complete.is_set()
