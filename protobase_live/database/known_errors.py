"""What actors and storages raise, as the errors that users know."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from protobase_actors import ActorError, ActorFailed, ActorStopped, MailboxFull, TooManyActors
from protobase_live.collection.quarantine import unloadable
from protobase_live.collection.read_only import reason_of
from protobase_live.errors import (
    Closed,
    CollectionUnloadable,
    InvalidName,
    OutcomeUnknown,
    Overloaded,
    StorageFailed,
    Unavailable,
)
from protobase_storage import InvalidName as NoName
from protobase_storage import StorageBusy, StorageError

_MAILBOX_LIMITS = {
    "messages": "mailbox_messages",
    "bytes": "mailbox_bytes",
    "waiting senders": "mailbox_senders",
}
"""The limits of a collection's mailbox, by what they count."""


@contextmanager
def errors_named(what: str, *, commits: bool = False) -> Generator[None]:
    """Translate what actors and storages raise into the errors that users know.

    ``commits``: it may have been a commit that an actor failed on.
    """
    try:
        yield
    except MailboxFull as error:
        raise Overloaded(f"{what}: {error} ({_MAILBOX_LIMITS[error.unit]})") from error
    except TooManyActors as error:
        most = f"{error.limit} collections that may be in memory (collections)"
        raise Overloaded(f"{what}: all {most} are in use; try again later, or raise the limit") from error
    except ActorFailed as error:
        if isinstance(error.cause, CollectionUnloadable):
            raise CollectionUnloadable(str(error.cause)) from error
        if not commits or isinstance(error.cause, StorageError):  # then nothing of a commit is stored
            raise Unavailable(f"{what} failed, nothing was done: {reason_of(error.cause)}") from error
        raise OutcomeUnknown(f"{what} failed: {error.cause}; look whether a commit was done") from error
    except TimeoutError as error:  # of the actor's start, which is the load
        raise unloadable(what, error) from error
    except ActorError as error:
        if isinstance(error, ActorStopped) and error.retryable:  # again and again, as it was replaced
            raise Unavailable(f"{what} was replaced meanwhile, nothing was done: {error}") from error
        raise Closed(f"{what} is closed: {error}") from error
    except NoName as error:
        raise InvalidName(f"{what}: {error}") from error
    except StorageError as error:
        kind = Unavailable if error.retryable else StorageFailed
        kind = Overloaded if isinstance(error, StorageBusy) else kind
        raise kind(f"{what}: {reason_of(error)}") from error
