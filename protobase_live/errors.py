"""Every error a user of ProtoBase Live can meet, in one tree.

::

    ProtoBaseError
    ├── ValidationError          a value, name or argument that cannot be stored or understood
    │   ├── InvalidName          a collection, structure, key or field name outside its limits
    │   └── KindMismatch         a structure opened as another kind than it is
    ├── RecordExists             insert of a key that is taken
    ├── RecordMissing            update of a key that is not there
    ├── Conflict                 what a transaction read has changed since (retryable)
    ├── LimitExceeded            a named limit of the server or the database was reached
    │   └── Overloaded           a queue is full right now (retryable)
    ├── Unauthorized             the token was not accepted
    ├── Forbidden                who asks may not do this with this collection
    ├── Unavailable              the collection, server or connection failed, or nothing can be stored;
    │   │                        nothing was done (retryable)
    │   ├── Behind               this server has not what this client was shown by another (retryable)
    │   ├── NoOwner              no node is the owner of the collections right now (retryable)
    │   └── CollectionUnloadable what is stored of a collection cannot be loaded; its bytes are kept
    ├── OutcomeUnknown           the connection or the owner was lost: the commit may or may not have happened
    ├── NotReplicated            a commit is durable, but not known to be on as many nodes as asked for
    ├── CollectionDropped        a Yjs client has a copy of a collection that was deleted
    ├── Closed                   the database, stream or connection was closed
    ├── StorageFailed            the storage could not be opened, read or written
    └── ProtocolError            bytes that are not the protocol
        └── MalformedUpdate      bytes that are not a Yjs update

A retryable error says so in ``retryable``: the same call may succeed later, unchanged.
"""

from __future__ import annotations

from types import TracebackType


class ProtoBaseError(Exception):
    """Base of every error that ProtoBase Live raises on purpose."""

    retryable: bool = False


class ValidationError(ProtoBaseError):
    """A value, name or argument is wrong; the message names it and what was expected."""


class InvalidName(ValidationError):
    """A collection, structure, key or field name is empty, too long or has a reserved form."""


class KindMismatch(ValidationError):
    """A structure was opened as one kind and is another."""


class RecordExists(ProtoBaseError):
    """An insert names a key that already has a record."""


class RecordMissing(ProtoBaseError):
    """An update names a key that has no record."""


class Conflict(ProtoBaseError):
    """What a transaction had read was changed by somebody else before it committed."""

    retryable = True


class LimitExceeded(ProtoBaseError):
    """A named limit was reached; the message says which and its value."""


class Overloaded(LimitExceeded):
    """A queue is full at the moment; nothing was done."""

    retryable = True


class Unauthorized(ProtoBaseError):
    """The token was not accepted."""


class Forbidden(ProtoBaseError):
    """The permissions do not let who asks do this; the message names the action and the collection, and says
    nothing of what is in it, or whether it exists."""


class Unavailable(ProtoBaseError):
    """The collection, the server or the connection failed, or the storage takes nothing for now: the call was
    not carried out."""

    retryable = True


class Behind(Unavailable):
    """The server lacks what was acknowledged or shown by another one; the message says which commits.

    ``retryable`` is False for what it can never have: it was lost, or is of another history. That is told
    once, and no more insisted on.
    """


class NoOwner(Unavailable):
    """A transaction on owned collections was not carried out: no node that can be reached is their owner, or
    the one that is was lost before it began."""


class CollectionUnloadable(Unavailable):
    """What is stored of a collection cannot be loaded: an operator has to look at it. Its bytes are kept."""

    retryable = False


class OutcomeUnknown(ProtoBaseError):
    """The connection, or the owner of the collections, was lost while a commit was under way: it may or may
    not have happened."""


class NotReplicated(ProtoBaseError):
    """A commit is durable on the node that made it, and was not known to be on as many others as asked for in
    time. It is not undone, and goes on to the others."""


class CollectionDropped(ProtoBaseError):
    """The collection was deleted, and what was sent belongs to it as it was: nothing of it was taken."""


class Closed(ProtoBaseError):
    """The database, stream or connection was closed by its owner."""


class StorageFailed(ProtoBaseError):
    """The storage could not be opened, read or written; the cause says why."""


class ProtocolError(ProtoBaseError):
    """A peer sent bytes that are not the protocol; the message says what was wrong."""


class MalformedUpdate(ProtocolError):
    """Bytes that are not a well-formed Yjs update (encoding v1)."""


class naming:  # used like a function, as `suppress` is
    """``with naming("tasks"):`` puts ``tasks: `` before the message of an error that is raised inside.

    What finds a mistake in a key or a structure does not know whose it is; who calls it does.
    """

    def __init__(self, *where: object) -> None:
        """``where`` are looked at for an error alone; the outermost first."""
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ProtoBaseError):
            error.args = (": ".join(map(str, (*self._where, error))),)
