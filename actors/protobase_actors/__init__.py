"""A small actor runtime for asyncio: bounded mailboxes, turns that drain a batch, supervision, idling."""

from .actor import Actor, Context
from .clock import Clock, ManualClock, SystemClock, Timer
from .deadline import is_cancelled, mark_heard, to_the_end, within
from .envelope import Envelope
from .errors import (
    ActorError,
    ActorFailed,
    ActorStopped,
    AskTimeout,
    MailboxFull,
    NameTaken,
    SystemClosed,
    TooManyActors,
)
from .limits import (
    DEFAULT_ACTORS,
    DEFAULT_BACKOFF_CAP_SECONDS,
    DEFAULT_BACKOFF_SECONDS,
    DEFAULT_BATCH,
    DEFAULT_HOOK_SECONDS,
    DEFAULT_IDLE_SECONDS,
    DEFAULT_MAILBOX,
    DEFAULT_MAILBOX_SENDERS,
    DEFAULT_MAX_RESTARTS,
    DEFAULT_POOL_ACTORS,
    DEFAULT_WINDOW_SECONDS,
    MAX_NAME_LENGTH,
)
from .ordered_set import OrderedSet
from .pool import ActorPool
from .ref import Ref
from .stats import ActorState, ActorStats, ActorTotals
from .steps import in_steps
from .supervision import Supervision
from .system import ActorSystem
from .wake_up import WakeUp

__all__ = [
    "DEFAULT_ACTORS",
    "DEFAULT_BACKOFF_CAP_SECONDS",
    "DEFAULT_BACKOFF_SECONDS",
    "DEFAULT_BATCH",
    "DEFAULT_HOOK_SECONDS",
    "DEFAULT_IDLE_SECONDS",
    "DEFAULT_MAILBOX",
    "DEFAULT_MAILBOX_SENDERS",
    "DEFAULT_MAX_RESTARTS",
    "DEFAULT_POOL_ACTORS",
    "DEFAULT_WINDOW_SECONDS",
    "MAX_NAME_LENGTH",
    "Actor",
    "ActorError",
    "ActorFailed",
    "ActorPool",
    "ActorState",
    "ActorStats",
    "ActorStopped",
    "ActorSystem",
    "ActorTotals",
    "AskTimeout",
    "Clock",
    "Context",
    "Envelope",
    "MailboxFull",
    "ManualClock",
    "NameTaken",
    "OrderedSet",
    "Ref",
    "Supervision",
    "SystemClock",
    "SystemClosed",
    "Timer",
    "TooManyActors",
    "WakeUp",
    "in_steps",
    "is_cancelled",
    "mark_heard",
    "to_the_end",
    "within",
]
