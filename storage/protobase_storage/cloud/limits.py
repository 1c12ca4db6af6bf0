"""What those who run a database may choose."""

INTERVAL = 0.1
"""Seconds from the start of one slot to that of the next, at least."""

CHECKPOINT_SLOTS = 1000
"""Slots after which a manifest takes their place, and so the most that an opening reads, with some more."""
