"""Where a ProtoBase database keeps its commits: one contract and its backends."""

from .commit import TIMELINE_MARK, Commit, Loaded, Part, Snapshot, Vector, covers, includes, join, sequence_of
from .contract import (
    BACKLOG_LIMIT,
    MAX_NAME_BYTES,
    MAX_SEQUENCE,
    MAX_UPDATE_BYTES,
    CollectionInfo,
    Storage,
    StorageStats,
)
from .errors import (
    CollectionCorrupt,
    InvalidName,
    SequenceConflict,
    StaleSnapshot,
    StorageBusy,
    StorageClosed,
    StorageError,
    StorageFormatError,
    StorageFull,
    StorageLocked,
)
from .file import FileStorage
from .memory import MemoryStorage

__all__ = [
    "BACKLOG_LIMIT",
    "MAX_NAME_BYTES",
    "MAX_SEQUENCE",
    "MAX_UPDATE_BYTES",
    "TIMELINE_MARK",
    "CollectionCorrupt",
    "CollectionInfo",
    "Commit",
    "FileStorage",
    "InvalidName",
    "Loaded",
    "MemoryStorage",
    "Part",
    "SequenceConflict",
    "Snapshot",
    "StaleSnapshot",
    "Storage",
    "StorageBusy",
    "StorageClosed",
    "StorageError",
    "StorageFormatError",
    "StorageFull",
    "StorageLocked",
    "StorageStats",
    "Vector",
    "covers",
    "includes",
    "join",
    "sequence_of",
]
