"""The exception tree of the actor runtime."""

from __future__ import annotations

from typing import Literal


class ActorError(Exception):
    """Base of everything the runtime raises.

    `retryable` says that the same request may succeed if it is sent again later. It does not say that the
    first one had no effect: after `ActorFailed` and `AskTimeout` the outcome is unknown.
    """

    retryable: bool = False


MailboxUnit = Literal["messages", "bytes", "waiting senders"]
"""What a limit of a mailbox counts."""


class MailboxFull(ActorError):
    """The mailbox (or the line of senders waiting for it) is at its limit. Nothing was sent; try later."""

    retryable = True

    def __init__(self, name: str, limit: int, unit: MailboxUnit = "messages") -> None:
        super().__init__(f"the mailbox of actor {name!r} is full ({limit} {unit}); send again later")
        self.name = name
        self.limit = limit
        self.unit: MailboxUnit = unit


class ActorStopped(ActorError):
    """The actor was stopped before it answered.

    Retryable when the actor never took the message: sending it to a successor cannot do it twice.
    """

    def __init__(self, name: str, *, retryable: bool) -> None:
        reason = "did not take the message" if retryable else "took the message but did not answer it"
        super().__init__(f"actor {name!r} has stopped and {reason}")
        self.name = name
        self.retryable = retryable


class ActorFailed(ActorError):
    """The actor failed before it answered; `cause` is what it failed with.

    Retryable while the actor is being restarted, not retryable once it has been given up.
    """

    def __init__(self, name: str, cause: BaseException, *, retryable: bool = False) -> None:
        outlook = "and is being restarted" if retryable else "and is not restarted"
        super().__init__(f"actor {name!r} failed {outlook}: {cause!r}")
        self.name = name
        self.cause = cause
        self.retryable = retryable
        self.__cause__ = cause


class AskTimeout(ActorError):
    """No answer came within the timeout of `ask`. A message that was already taken is still carried out."""

    retryable = True

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(f"actor {name!r} did not answer within {seconds:g} s")
        self.name = name
        self.seconds = seconds


class NameTaken(ActorError):
    """A live actor of the system already has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"an actor named {name!r} is running; stop it first or choose another name")
        self.name = name


class TooManyActors(ActorError):
    """The system or pool is at its limit of live actors and none of them is idle."""

    retryable = True

    def __init__(self, limit: int) -> None:
        super().__init__(f"all {limit} actors are in use; try again later or raise the limit")
        self.limit = limit


class SystemClosed(ActorError):
    """The system or pool was closed and starts no more actors."""

    def __init__(self) -> None:
        super().__init__("the actor system is closed and starts no more actors")
