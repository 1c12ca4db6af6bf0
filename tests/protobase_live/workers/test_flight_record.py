"""What outlives a worker."""

import os
from collections.abc import Iterator

import pytest

from protobase_live.workers.flight_record import FlightRecord, digest_of, make_memory

ROOM = 4_096


@pytest.fixture
def both() -> Iterator[tuple[FlightRecord, FlightRecord]]:
    """The worker's view and the supervisor's of one memory."""
    memory = make_memory()
    views = FlightRecord(memory, ROOM), FlightRecord(memory, ROOM)
    yield views
    for each in views:
        each.close()
    os.close(memory)


def test_what_code_runs_for_is_seen_by_the_other(both: tuple[FlightRecord, FlightRecord]) -> None:
    worker, supervisor = both
    assert supervisor.doing() is None
    sent = [("ann", "::1", [b"one", b"two"]), (None, None, [b"three"])]
    worker.begin(doing := object(), worker.pack("turn", "tasks", sent), 7.0)
    found = supervisor.doing()
    assert found is not None
    assert (found.what, found.collection) == ("turn", "tasks")
    assert [(each.author, each.address, each.updates) for each in found.sent] == sent
    assert found.sent[1].digests == [digest_of(b"three")]
    assert supervisor.running_since == supervisor.last_beat == 7.0
    worker.end()
    assert (supervisor.doing(), supervisor.running_since) == (None, None)
    worker.begin(doing, b"is written once for the same", 8.0)
    assert supervisor.running_since == 8.0
    worker.beat(9.0)
    assert (supervisor.last_beat, supervisor.running_since) == (9.0, 8.0)
    supervisor.reset(10.0)
    assert supervisor.doing() is None


def test_of_what_has_no_room_digests_are_kept(both: tuple[FlightRecord, FlightRecord]) -> None:
    worker, supervisor = both
    large = b"x" * ROOM
    worker.begin(object(), worker.pack("turn", "tasks", [("ann", "::1", [large])]), 1.0)
    found = supervisor.doing()
    assert found is not None
    assert found.sent == [("ann", "::1", None, [digest_of(large)])]
    worker.begin(object(), worker.pack("turn", "tasks", [("ann", "::1", [large] * 200)]), 1.0)
    assert supervisor.doing() is None, "not even these have room: nothing is known"
