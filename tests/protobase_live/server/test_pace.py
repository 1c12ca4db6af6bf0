"""How fast one may send."""

from __future__ import annotations

from protobase_live.server.limits import ServerLimits
from protobase_live.server.pace import Pace


def pace(now: float = 0.0, **limits: int) -> Pace:
    free = {"messages_per_second": 0, "bytes_per_second": 0}
    return Pace(ServerLimits(**(free | limits)), now)


def test_so_many_at_once_and_then_so_many_a_second():
    it = pace(messages_per_second=10, messages_at_once=20)
    assert it.take(20, 1, now=0.0)[0] == 0
    assert it.take(5, 1, now=0.0) == (0.5, "messages_per_second")
    assert it.take(5, 1, now=1.0)[0] == 0
    assert it.take(20, 1, now=100.0)[0] == 0, "no more than at once is saved"
    assert it.take(1, 1, now=100.0)[0] == 0.1


def test_bytes_count_too():
    it = pace(bytes_per_second=100, bytes_at_once=100)
    assert it.take(1, 150, now=0.0) == (0.5, "bytes_per_second")


def test_a_rate_of_nothing_is_none():
    assert pace().take(10**9, 10**12, now=0.0)[0] == 0
