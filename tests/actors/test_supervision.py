"""Restart backoff, limit and window."""

from __future__ import annotations

from random import Random

import pytest

from protobase_actors import Supervision
from protobase_actors.supervision import RestartHistory


def test_backoff_doubles_up_to_the_cap_with_jitter():
    rules = Supervision(max_restarts=6, window_seconds=1_000, backoff_seconds=1, backoff_cap_seconds=10)
    history = RestartHistory(rules, Random(0))
    for full in (1, 2, 4, 8, 10, 10):
        delay = history.next_delay(0.0)
        assert delay is not None
        assert full / 2 <= delay <= full
    assert history.next_delay(0.0) is None


def test_the_same_seed_gives_the_same_delays():
    histories = [RestartHistory(Supervision(), Random(7)) for _ in range(2)]
    assert histories[0].next_delay(0) == histories[1].next_delay(0)


def test_restarts_leave_the_window():
    history = RestartHistory(Supervision(max_restarts=1, window_seconds=10), Random(0))
    assert history.next_delay(0.0) is not None
    assert history.next_delay(9.9) is None
    assert history.next_delay(10.0) is not None


def test_impossible_rules_are_refused():
    with pytest.raises(ValueError, match="max_restarts"):
        Supervision(max_restarts=-1)
    with pytest.raises(ValueError, match="hook_seconds"):
        Supervision(hook_seconds=0)
    with pytest.raises(ValueError, match="start_seconds"):
        Supervision(start_seconds=0)


def test_a_start_may_take_longer_than_a_stop():
    rules = Supervision(hook_seconds=60, start_seconds=600)
    assert (rules.seconds_for("on_start"), rules.seconds_for("on_stop")) == (600, 60)
    assert Supervision(hook_seconds=5).seconds_for("on_start") == 5
