"""A message that many clients are sent, and what each kind of connection made of it, once for all."""

from dataclasses import dataclass


@dataclass(slots=True)
class SharedMessage:
    """The message, and room for its encodings, which who needs one first makes."""

    message: bytes
    frame: bytes | None = None
    """For the socket."""
    keyed_message: bytes | None = None
    """Behind the key of its collection."""
    keyed_frame: bytes | None = None
    """The same, for the socket."""
