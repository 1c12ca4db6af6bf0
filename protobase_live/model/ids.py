"""Keys for records that are inserted without one."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable
from random import Random, SystemRandom

ID_BYTES = 16
"""Random bytes of a key: 128 bits, 22 characters of URL-safe base64."""

Ids = Callable[[], str]


def ids_from(random: Random) -> Ids:
    """A source of keys that draws from ``random``."""
    return lambda: urlsafe_b64encode(random.randbytes(ID_BYTES)).rstrip(b"=").decode()


system_ids = ids_from(SystemRandom())
"""Keys from the operating system's randomness."""
