"""The walker of updates without its fast path, which it has to agree with."""

from __future__ import annotations

from unittest.mock import patch

from protobase_live.protocol.yjs import update_walker
from protobase_live.protocol.yjs.update_walker import Walker


def walked_plainly(update: bytes) -> Walker:
    """Read an update struct by struct. Raises MalformedUpdate."""
    walker = Walker(update)
    with patch.object(update_walker, "read_common", lambda _data, at, *_: ([], at)):
        walker.walk()
    return walker
