"""How long a worker stays away."""

from protobase_live.workers.limits import WorkerLimits
from protobase_live.workers.pauses import Pauses


def test_the_first_death_costs_nothing_and_the_next_ones_twice_as_much_each() -> None:
    pauses = Pauses(WorkerLimits(pause_seconds=3, steady_seconds=60))
    assert [pauses.after(1) for _ in range(6)] == [0, 0.5, 1, 2, 3, 3]
    assert [pauses.after(60), pauses.after(1)] == [0, 0.5], "it had lived for long"
