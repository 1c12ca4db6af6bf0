"""Asking again: how often, with which pauses, and what is never asked again."""

import asyncio
from random import Random

import detangle
import pytest

from protobase_storage.cloud.objects import ObjectError, Refused, Unanswered
from protobase_storage.cloud.patient import Patience, PatientObjects
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects

PATIENCE = Patience(attempts=4, call_seconds=10, first_pause_seconds=1, pause_seconds=3)


def ask(failure: ObjectError | None, delay: float = 0.0) -> tuple[BaseException | bool, int, float]:
    """What came of a put, after how many requests, and after how long."""

    async def main() -> tuple[BaseException | bool, int, float]:
        objects = SimulatedObjects(Bucket(), Random(1))
        objects.faults.failure, objects.faults.delay = failure, (delay, delay)
        patient = PatientObjects(objects, PATIENCE, lambda: 0.999)
        [outcome] = await asyncio.gather(patient.put("wal/1", b"x"), return_exceptions=True)
        return outcome, objects.requests["put"], asyncio.get_running_loop().time()

    return detangle.run(main)


def test_what_is_not_answered_is_asked_again_with_growing_pauses_and_a_limit() -> None:
    outcome, requests, seconds = ask(Unanswered("SlowDown"))
    assert isinstance(outcome, Unanswered)
    assert str(outcome) == "SlowDown (asked 4 times)"
    assert requests == 4
    assert seconds == pytest.approx(1 + 2 + 3, rel=0.01)


def test_what_is_refused_is_not_asked_again() -> None:
    outcome, requests, seconds = ask(Refused("ExpiredToken"))
    assert isinstance(outcome, Refused)
    assert (requests, seconds) == (1, 0)


def test_silence_ends() -> None:
    outcome, requests, seconds = ask(None, delay=1000)
    assert isinstance(outcome, Unanswered)
    assert "no answer about 'wal/1' within 10 s" in str(outcome)
    assert requests == 4
    assert seconds == pytest.approx(4 * 10 + 6, rel=0.01)


def test_large_objects_may_take_longer() -> None:
    assert PATIENCE.seconds_for(512 * 2**20) == 10 + 512 * 2


def test_pauses_are_drawn_between_half_and_all() -> None:
    assert [PATIENCE.pause_after(attempt, 0) for attempt in range(4)] == [0.5, 1, 1.5, 1.5]
