"""The named limits of a database, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.transactions.limits import TransactionLimits
from protobase_storage import BACKLOG_LIMIT
from protobase_storage.cloud.limits import CHECKPOINT_SLOTS, INTERVAL


@dataclass(frozen=True, slots=True)
class Limits(TransactionLimits):
    """What a database takes; every limit says what happens at it."""

    mailbox_messages: int = 1_024
    """Messages that wait for one collection. Senders wait; `Overloaded` when too many senders wait."""
    mailbox_bytes: int = 64 * 1024 * 1024
    """Bytes of updates and transactions that wait for one collection, whoever sent them. Senders wait, as
    above; what is longer than that is taken alone."""
    turn_messages: int = 256
    """Messages one turn drains; the rest waits for the next."""
    unpersisted_turns: int = 2
    """Turns applied and not yet durable; the next turn waits."""
    busy_seconds: float = 5.0
    """How long what is to be stored waits for room while too much else does; then it is not stored, and who
    wrote it is told so with `Unavailable`."""
    read_only_seconds: float = 10.0
    """How long a collection refuses writes, at most, with `Unavailable` before one is tried again, when the
    storage did not take the last: 1 second at first, which is the least, and twice as long each time. Reading
    goes on."""
    document_bytes: int = 64 * 1024 * 1024
    """Size of one document. At it, what was deleted is let go of; then what would make it larger fails with
    `LimitExceeded`. What only deletes is always taken."""
    collections: int = 10_000
    """Collections in memory at once; another one fails with `Overloaded` until one is idle."""
    idle_seconds: float = 60.0
    """How long a collection that nobody uses stays in memory."""
    load_seconds: float = 600.0
    """How long loading a collection may take, while others are served; then it fails and is tried again when
    somebody asks. Four million structs, as many as a document of the default size may have, take minutes."""
    joint_collections: int = 256
    """Collections that one transaction reads and writes; it is carried out in one go, in which nobody else is
    served. One of more fails with `LimitExceeded`."""
    joint_hold_seconds: float = 0.5
    """How long a transaction over several collections makes those that it holds wait for another one. Then it
    lets go, waits until that one answers, and tries again; after 8 tries it fails with `Overloaded`."""
    held_commit_bytes: int = 16 * 1024 * 1024
    """Bytes of commits of other nodes that a collection holds because they lack something they were made on,
    and as many of parts of transactions over several collections, for all of these together; what is more is
    let go of, and sent again by that node."""
    feed_changes: int = 4_096
    """Recent changes kept in memory for streams; a slower stream reads the log instead."""
    feed_bytes: int = 16 * 1024 * 1024
    """About how many bytes these may hold; a stream that is slower reads the log instead."""
    feed_seconds: float = 60.0
    """How long they are kept after the last stream ended, for who comes back; then he is read the log."""
    ahead_seconds: float = 3.0
    """How long a stream or live query that comes with the cursor of another node waits for the commits that
    this names and that have not come here yet; then it is told `reset`, or given all rows. Less than
    the `call_seconds` of clients, which wait for the first rows so long."""
    log_commits: int = 10_000
    """Commits in a collection's log; above it, the older ones are folded into a snapshot."""
    log_bytes: int = 8 * 1024 * 1024
    """Bytes of updates in a collection's log; above it, the older ones are folded into a snapshot."""
    folds: int = 2
    """Logs that are folded at once, each large one in a process of its own; the others wait."""
    retained_commits: int = 1_000
    """Commits that folding leaves in the log, so that cursors of the recent past resume without a gap."""
    retained_bytes: int = 1024 * 1024
    """Bytes of updates that folding leaves in the log, at most."""
    check_bytes: int = 16 * 1024 * 1024
    """Bytes of what a transaction had read in one collection, which its commit reads again; with more it
    fails with `LimitExceeded`."""


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """What the storage of a database takes; that of ``memory:`` has none."""

    unstored_bytes: int = BACKLOG_LIMIT
    """Bytes of commits that wait to be stored; more fail with `Unavailable` or `Overloaded`."""
    file_bytes: int | None = None
    """Size of the database file, None: as much as there is room. What does not fit is refused as where the
    disk is full. Of `file:` alone."""
    interval_seconds: float = INTERVAL
    """From one write to an object store to the next, at least: what it costs, and how long a commit waits."""
    checkpoint_slots: int = CHECKPOINT_SLOTS
    """Writes to an object store after which a checkpoint takes their place: what an opening has to read."""


DEFAULT_LIMITS = Limits()
DEFAULT_STORAGE_LIMITS = StorageLimits()
