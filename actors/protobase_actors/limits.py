"""Every limit of the runtime and its default. Each can be changed where the thing it bounds is made."""

from __future__ import annotations

DEFAULT_MAILBOX = 1_024
"""Messages that may wait in a mailbox. At the limit `ask` and `tell` wait, `try_*` raise `MailboxFull`."""

DEFAULT_MAILBOX_BYTES = 64 * 1024 * 1024
"""Bytes of messages that may wait in a mailbox whose actor's messages are weighed; at the limit as above."""

DEFAULT_BATCH = 256
"""Messages that one turn drains at most; the rest waits for the next turn."""

DEFAULT_MAILBOX_SENDERS = 65_536
"""Senders that may wait for room in one mailbox. At the limit `ask` and `tell` raise `MailboxFull`."""

DEFAULT_ACTORS = 100_000
"""Live actors of one system. At the limit `spawn` raises `TooManyActors`."""

MAX_NAME_LENGTH = 1_024
"""Characters of an actor's name. A longer (or empty) name is a `ValueError`."""

DEFAULT_IDLE_SECONDS = 300.0
"""Seconds without a message after which a pool passivates an actor."""

DEFAULT_POOL_ACTORS = 10_000
"""Live actors of one pool. At the limit an idle one makes room; if none is, `TooManyActors`."""

DEFAULT_MAX_RESTARTS = 5
"""Restarts within `DEFAULT_WINDOW_SECONDS`; one failure more and the actor is given up."""

DEFAULT_WINDOW_SECONDS = 60.0
"""Seconds for which a restart is remembered."""

DEFAULT_BACKOFF_SECONDS = 0.1
"""Seconds before the first restart; doubled for each further one that is remembered."""

DEFAULT_BACKOFF_CAP_SECONDS = 10.0
"""The longest pause before a restart, in seconds."""

DEFAULT_HOOK_SECONDS = 60.0
"""Seconds that `on_start` and `on_stop` may take each before they are cancelled, which is a failure."""
