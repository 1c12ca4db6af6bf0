"""Whether bytes are an update, for those who keep it as it is and take nothing of it."""

from __future__ import annotations

from collections.abc import Generator

from protobase_live.protocol.yjs.structs.edits import read_edit
from protobase_live.protocol.yjs.structs.shortcuts import is_typing
from protobase_live.protocol.yjs.update_walker import Walker


def is_common(update: bytes) -> bool:
    """Whether it is an update of those that editors send most, which are read at once."""
    return is_typing(update) or read_edit(update) is not None


def check_in_steps(update: bytes) -> Generator[None, None, None]:
    """Read any update, with pauses. Raises MalformedUpdate where it is none."""
    walker = Walker(update)
    for _ in walker.steps():
        if not walker.unread:
            for structs in walker.clients.values():
                del structs[:-1]  # all structs of a large update take much memory
        yield
