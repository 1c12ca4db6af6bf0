"""The fields of a connection beside those of the library's."""

OWN_FIELDS = (
    "_backlog_bytes",
    "_closing",
    "_direct",
    "_early",
    "_everyone",
    "_first",
    "_first_seconds",
    "_has_ended",
    "_heard",
    "_http",
    "_ignoring",
    "_is_told",
    "_load",
    "_parts",
    "_patience",
    "_paused",
    "_session",
    "address",
    "arrivals",
    "caller",
    "is_peer",
    "ticket",
    "writable",
)
"""They are kept in slots: a dict of more than 30 shares its names with no other object, and is a kilobyte."""
