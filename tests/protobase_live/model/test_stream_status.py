"""What is told of a stream that is not well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from protobase_live.model.stream_status import SILENT_SECONDS, ReplicaStatus, StreamStatus, promise

LEADER = ReplicaStatus("a", True, True, True, 0, 0.0)
OTHERS = [ReplicaStatus(name, False, True, True, 0, 0.9) for name in "bc"]
SILENT = SILENT_SECONDS + 0.1

WELL = StreamStatus(
    "tasks",
    configured=3,
    majority=2,
    server="a:4222",
    servers=["a:4222", "b:4222"],
    reconnects=1,
    problem=None,
    told_seconds=0.5,
    replicas=[LEADER, *OTHERS],
    messages=7,
    bytes=700,
    max_bytes=None,
    last=9,
    unstored_bytes=0,
    followed=2,
    behind=1,
    behind_seconds=1.5,
)


def with_b(**what: Any) -> StreamStatus:
    """A stream of which one replica is so."""
    return replace(WELL, replicas=[LEADER, replace(OTHERS[0], **what), OTHERS[1]])


def test_one_that_is_well() -> None:
    assert WELL.faults(2.0) == []
    assert (WELL.current, WELL.works, WELL.is_catching_up) == (3, True, False)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (with_b(online=False), "replica b is offline"),
        (with_b(silent_seconds=SILENT), "replica b has said nothing for 5.1 s"),
        (with_b(silent_seconds=None, current=False), "replica b has not been heard of by the leader"),
        (with_b(current=False, lag=12), "replica b lacks 12 messages"),
        (replace(WELL, server=""), "not connected to any server of the stream tasks"),
        (replace(WELL, problem="no answer"), "the stream tasks does not answer: no answer"),
        (replace(WELL, behind_seconds=2.5), "1 collections have been behind the stream for 2.5 s"),
        (replace(WELL, replicas=[LEADER, OTHERS[0]]), "1 of 3 replicas are on no server"),
        (
            replace(WELL, replicas=[replace(LEADER, leads=False), *OTHERS]),
            "the stream tasks has no leader, and stores nothing",
        ),
    ],
)
def test_what_is_not_well_is_said(status: StreamStatus, fault: str) -> None:
    assert status.faults(2.0) == [fault]


def test_a_lost_majority_comes_before_the_replicas() -> None:
    silent = [replace(each, silent_seconds=SILENT) for each in OTHERS]
    status = replace(WELL, replicas=[LEADER, *silent])
    assert status.faults(2.0) == [
        "1 of 3 replicas are there, which is no majority",
        "replica b has said nothing for 5.1 s",
        "replica c has said nothing for 5.1 s",
    ]
    assert (status.works, status.current) == (False, 1)


def test_a_replica_that_is_gone_does_not_catch_up() -> None:
    assert with_b(current=False).is_catching_up
    assert with_b(current=False, silent_seconds=None).is_catching_up
    assert not with_b().is_catching_up
    assert not with_b(current=False, silent_seconds=SILENT).is_catching_up
    assert not with_b(current=False, online=False).is_catching_up


def test_old_replicas_are_no_fault_while_nothing_answers() -> None:
    status = replace(with_b(online=False), problem="no answer")
    assert status.faults(2.0) == ["the stream tasks does not answer: no answer"]
    assert not status.works


def test_what_was_told_before_the_connection_was_lost_is_no_comfort() -> None:
    assert not replace(WELL, server="").works


def test_what_is_acknowledged_is_on_a_majority() -> None:
    assert promise(2, 3).startswith("what is acknowledged is on 2 of 3 servers; ")
