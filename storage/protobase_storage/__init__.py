"""Where a ProtoBase database keeps its commits: one contract and its backends.

A backend that needs a library, be it SQLite, is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .commit import (
    TIMELINE_MARK,
    Commit,
    Joint,
    Loaded,
    Part,
    Snapshot,
    Vector,
    covers,
    follows,
    include,
    includes,
    is_elsewhere,
    join,
    node_of,
    sequence_of,
    writer_of,
)
from .contract import (
    BACKLOG_LIMIT,
    MAX_NAME_BYTES,
    MAX_SEQUENCE,
    MAX_UPDATE_BYTES,
    READS_LIMIT,
    CollectionInfo,
    Standing,
    Storage,
    StorageStats,
    random_identity,
)
from .errors import (
    CollectionCorrupt,
    InvalidName,
    SequenceConflict,
    StaleSnapshot,
    StorageBusy,
    StorageClosed,
    StorageDiverged,
    StorageError,
    StorageFenced,
    StorageFormatError,
    StorageFull,
    StorageLocked,
    StorageOutdated,
    StorageSilent,
    StorageUnreachable,
    TooManyReads,
)
from .memory import MemoryStorage
from .reserve import RESERVE_BYTES
from .shared import Channel, News, Replica, SharedState, SharedStorage

if TYPE_CHECKING:
    from .file import FileStorage

__all__ = [
    "BACKLOG_LIMIT",
    "MAX_NAME_BYTES",
    "MAX_SEQUENCE",
    "MAX_UPDATE_BYTES",
    "READS_LIMIT",
    "RESERVE_BYTES",
    "TIMELINE_MARK",
    "Channel",
    "CollectionCorrupt",
    "CollectionInfo",
    "Commit",
    "FileStorage",
    "InvalidName",
    "Joint",
    "Loaded",
    "MemoryStorage",
    "News",
    "Part",
    "Replica",
    "SequenceConflict",
    "SharedState",
    "SharedStorage",
    "Snapshot",
    "StaleSnapshot",
    "Standing",
    "Storage",
    "StorageBusy",
    "StorageClosed",
    "StorageDiverged",
    "StorageError",
    "StorageFenced",
    "StorageFormatError",
    "StorageFull",
    "StorageLocked",
    "StorageOutdated",
    "StorageSilent",
    "StorageStats",
    "StorageUnreachable",
    "TooManyReads",
    "Vector",
    "covers",
    "follows",
    "include",
    "includes",
    "is_elsewhere",
    "join",
    "node_of",
    "random_identity",
    "sequence_of",
    "writer_of",
]


def __getattr__(name: str) -> Any:
    """`FileStorage`, imported now."""
    if name != "FileStorage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .file import FileStorage

    return globals().setdefault(name, FileStorage)
