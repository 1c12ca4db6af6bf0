"""What is said where a port cannot be had."""

from __future__ import annotations

import os

from protobase_live.errors import Unavailable

PORT_ERRORS = (OSError, UnicodeError)
"""What beginning to listen raises; UnicodeError is of a host that can be none."""


def cannot_listen(host: str, port: int, error: OSError | UnicodeError) -> Unavailable:
    """The error that says why nobody can listen there."""
    number = error.errno if isinstance(error, OSError) else None
    reason = os.strerror(number) if number and number > 0 else error
    return Unavailable(f"cannot listen on {host}:{port}: {reason}")
