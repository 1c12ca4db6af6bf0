"""What other processes that write the same storage were faster with."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_live.errors import Conflict
from protobase_storage import StorageOutdated, Vector


class Outrun(Conflict):
    """Nothing was done of a transaction, because something was stored first that it has not seen."""

    def __init__(self, outdated: StorageOutdated) -> None:
        super().__init__(f"{outdated}; nothing was done")
        self.stored: Mapping[str, Vector] = outdated.stored
        """How far the collections are that it relied on: behind that it can be carried out again."""
