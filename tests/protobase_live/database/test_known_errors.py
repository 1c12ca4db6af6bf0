"""What actors raise, as users are told."""

from __future__ import annotations

import pytest

import protobase_live as pb
from protobase_actors import ActorStopped
from protobase_live.database.known_errors import errors_named


def test_what_no_actor_took_can_be_asked_again() -> None:
    with pytest.raises(pb.Unavailable, match="nothing was done") as refused, errors_named("tasks"):
        raise ActorStopped("tasks", retryable=True)
    assert refused.value.retryable


def test_what_an_actor_took_and_did_not_answer_is_over() -> None:
    with pytest.raises(pb.Closed), errors_named("tasks"):
        raise ActorStopped("tasks", retryable=False)
