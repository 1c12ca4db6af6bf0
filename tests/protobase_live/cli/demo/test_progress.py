"""Who is how far behind."""

import pytest

from protobase_live.cli.demo import progress as module
from protobase_live.cli.demo.progress import Progress


def test_nothing_is_known_of_nodes_that_were_not_looked_at():
    assert (Progress().behind("n1", "n2"), Progress().lag(7.0, "n1", "n2")) == (0, 0.0)


def test_what_either_side_lacks_counts():
    progress = Progress()
    progress.note(1.0, "n1", {"a": {"x": 5, "y": 1}, "b": {"x": 2}})
    progress.note(2.0, "n2", {"a": {"x": 3, "z": 4}})
    assert progress.behind("n1", "n2") == progress.behind("n2", "n1") == 2 + 1 + 2 + 4
    assert progress.lag(10.0, "n1", "n2") == 9.0


def test_lag_begins_with_the_oldest_that_is_lacking_and_ends_when_it_has_come():
    progress = Progress()
    progress.note(1.0, "n1", {"a": {"x": 1}})
    progress.note(1.0, "n2", {"a": {"x": 1}})
    progress.note(3.0, "n1", {"a": {"x": 2}})
    progress.note(5.0, "n1", {"a": {"x": 9}})
    assert progress.lag(6.0, "n1", "n2") == 3.0
    progress.note(7.0, "n2", {"a": {"x": 2}})
    assert (progress.lag(8.0, "n1", "n2"), progress.behind("n1", "n2")) == (3.0, 7)
    progress.note(9.0, "n2", {"a": {"x": 9}})
    assert (progress.lag(10.0, "n1", "n2"), progress.behind("n1", "n2")) == (0.0, 0)


def test_a_writer_that_has_begun_another_timeline_counts_on():
    progress = Progress()
    progress.note(1.0, "n1", {"a": {"n1/t1": 5}})
    progress.note(1.0, "n2", {"a": {"n1/t2": 7}})
    assert progress.behind("n1", "n2") == 2


def test_what_was_seen_first_stays_known_however_much_follows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOMENTS", 3)
    progress = Progress()
    progress.note(0.0, "n2", {"a": {"x": 1}})
    for n in range(2, 50):
        progress.note(float(n), "n1", {"a": {"x": n}})
    assert progress.lag(50.0, "n1", "n2") == 48.0
    assert len(progress._moments["a", "x"]) == 3
