"""What actors raise, as users are told."""

from __future__ import annotations

import pytest

import protobase_live as pb
from protobase_actors import ActorStopped, MailboxFull, TooManyActors
from protobase_live.database.known_errors import errors_named
from protobase_storage import StorageBusy, StorageError, StorageFull
from protobase_storage.errors import StorageSilent, StorageUnreachable


def test_what_no_actor_took_can_be_asked_again() -> None:
    with pytest.raises(pb.Unavailable, match="nothing was done") as refused, errors_named("tasks"):
        raise ActorStopped("tasks", retryable=True)
    assert refused.value.retryable


def test_what_an_actor_took_and_did_not_answer_is_over() -> None:
    with pytest.raises(pb.Closed), errors_named("tasks"):
        raise ActorStopped("tasks", retryable=False)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TooManyActors(7), r"tasks: all 7 collections .* \(collections\)"),
        (MailboxFull("tasks", 7), r"\(7 messages\).* \(mailbox_messages\)$"),
        (MailboxFull("tasks", 7, "bytes"), r"\(7 bytes\).* \(mailbox_bytes\)$"),
        (MailboxFull("tasks", 7, "waiting senders"), r"\(7 waiting senders\).* \(mailbox_senders\)$"),
    ],
    ids=str,
)
def test_what_is_too_much_names_its_limit(error: Exception, said: str) -> None:
    with pytest.raises(pb.Overloaded, match=said), errors_named("tasks"):
        raise error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (StorageBusy("too much waits"), pb.Overloaded),
        (StorageUnreachable("no server answers"), pb.Unavailable),
        (StorageSilent("no answer comes"), pb.Unavailable),
        (StorageFull("no room"), pb.Unavailable),
        (StorageError("the disk is broken"), pb.StorageFailed),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else each.__name__,
)
def test_a_storage_that_is_busy_has_a_limit_and_one_that_is_away_has_none(
    error: StorageError, told: type[pb.ProtoBaseError]
) -> None:
    with pytest.raises(told) as raised, errors_named("tasks"):
        raise error
    assert type(raised.value) is told
