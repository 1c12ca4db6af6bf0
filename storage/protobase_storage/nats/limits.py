"""Limits of what one process asks of a stream."""

from __future__ import annotations

PATIENCE_SECONDS = 10.0
"""How long a stream that does not take something is asked again; then what was to be stored fails."""

CALL_SECONDS = 2.5
"""How long one request may take."""

STATE_SECONDS = 1.0
"""How old what is told of the servers may be: however often somebody asks, they are asked no more often."""

PAUSE_SECONDS = 0.05, 1.0
"""The first and the longest pause before something is asked again; each time doubles it."""

CALLS_AT_ONCE = 64
"""Requests of one kind that are under way at once."""

BATCHES_AT_ONCE = 16
"""Atomic batches that are under way at once; a server takes 50 of a stream."""

BATCH_MESSAGES = 1_000
"""Collections of one append, at most: a message of a batch each, and no server takes more."""

UNSENT_BYTES = 4 * 1024 * 1024
"""Bytes that were said on a channel and wait to be sent; what would be more is left out."""

PAGE_MESSAGES, PAGE_BYTES = 1_000, 4 * 1024 * 1024
"""What one request reads, at most, unless a single message has more."""
