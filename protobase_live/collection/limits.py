"""The named limits of a database, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from protobase_live.limits import Limited
from protobase_live.transactions.limits import TransactionLimits
from protobase_storage import BACKLOG_LIMIT, READS_LIMIT, RESERVE_BYTES
from protobase_storage.cloud.limits import CHECKPOINT_SLOTS, INTERVAL
from protobase_storage.local_cloud.limits import UNUPLOADED_BYTES, UNUPLOADED_SECONDS
from protobase_storage.nats.limits import PATIENCE_SECONDS


@dataclass(frozen=True, slots=True)
class Limits(TransactionLimits):
    """What a database takes; every limit says what happens at it."""

    ABOVE_ZERO: ClassVar[frozenset[str]] = frozenset(
        {
            *("mailbox_messages", "mailbox_bytes", "turn_messages", "unpersisted_turns", "collections"),
            *("idle_seconds", "load_seconds", "stop_seconds"),
        }
    )

    mailbox_messages: int = 1_024
    """Messages that wait for one collection. Senders wait."""
    mailbox_senders: int = 65_536
    """Senders that wait for one collection; another one fails with `Overloaded`."""
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
    storage_seconds: float = 30.0
    """How long the storage may take to store something. Then who wrote it is told `OutcomeUnknown`, and what
    is written is refused with `Unavailable` until the storage has answered at last. Reading goes on."""
    storage_failed_seconds: float = 30.0
    """How long after a failure the storage counts as failed, as `/readyz` says, if nothing is written
    meanwhile."""
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
    unloadable_seconds: float = 300.0
    """How long a collection that cannot be loaded is refused, at most, before loading it is tried again: 1
    second at first, and twice as long each time."""
    restart_seconds: float = 10.0
    """How long a collection that failed is waited with, at most, before it is loaded again; senders wait."""
    stop_seconds: float = 60.0
    """How long a collection that ends waits for what it has given to the storage; then it has failed. And how
    long a database that is closed waits for its storage to close; then `close` raises StorageFailed."""
    remembered_names: int = 10_000
    """Collections that are remembered because they cannot be loaded, as many that are read-only, as many that
    cannot be folded, and structures that were opened and that nobody wrote; the oldest are forgotten."""
    joint_collections: int = 256
    """Collections that one transaction reads and writes; it is carried out in one go, in which nobody else is
    served. One of more fails with `LimitExceeded`. Of more snapshots that are taken as one, none names the
    others: where one of them is sent on at that moment, half of a transaction may be seen meanwhile."""
    joint_hold_seconds: float = 0.5
    """How long a transaction over several collections makes those that it holds wait for another one. Then it
    lets go, waits until that one answers, and tries again."""
    joint_hold_attempts: int = 8
    """How often it tries to hold all of them at once; then it fails with `Overloaded`."""
    outrun_attempts: int = 100
    """How often a transaction is carried out, with its checks, while other processes that write the same
    stream are faster each time; then it fails with `Conflict`."""
    outrun_seconds: float = 30.0
    """How long it waits each time until its collections are loaded again and have what the others have
    stored; then it fails with `Unavailable`, with nothing done."""
    held_update_bytes: int = 4 * 1024 * 1024
    """Bytes that Yjs clients have sent to a collection and that lack something they build on, 200 more for
    each part; beyond it, what was held longest is let go of, and sent again when its client reconnects."""
    held_client_bytes: int = 1024 * 1024
    """The same of one client; a part that is larger is not held. A log in which more of what was stored lacks
    something is not folded."""
    put_back_clocks: int = 100_000
    """Characters, values and shared types that a Yjs client may delete in one update that is refused: they
    are put back. A refused update that deletes more is not taken, and its client closed."""
    ask_seconds: float = 1.0
    """How long a Yjs client is not asked again for what its updates build on, after 8 times; each time
    doubles it."""
    ask_seconds_most: float = 60.0
    """The longest such pause."""
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
    clock_ahead_seconds: float = 3_600.0
    """How far a commit of another node, or of earlier, may take the times of this node's commits ahead of its
    clock. One that lies further ahead is taken as it is, and its time is not gone on from."""
    log_commits: int = 10_000
    """Commits in a collection's log; above it, the older ones are folded into a snapshot."""
    log_bytes: int = 8 * 1024 * 1024
    """Bytes of updates in a collection's log; above it, the older ones are folded into a snapshot."""
    folds: int = 2
    """Logs that are folded at once, each large one in a process of its own; the others wait."""
    fold_seconds: float = 120.0
    """How long that process may take; then the log stays as it is, until it is twice as long."""
    retained_commits: int = 1_000
    """Commits that folding leaves in the log, so that cursors of the recent past resume without a gap."""
    retained_bytes: int = 1024 * 1024
    """Bytes of updates that folding leaves in the log, at most."""
    check_bytes: int = 16 * 1024 * 1024
    """Bytes of what a transaction had read in one collection, which its commit reads again; with more it
    fails with `LimitExceeded`."""


@dataclass(frozen=True, slots=True)
class StorageLimits(Limited):
    """What the storage of a database takes; that of ``memory:`` has none."""

    unstored_bytes: int = BACKLOG_LIMIT
    """Bytes of commits that wait to be stored; more fail with `Unavailable` or `Overloaded`."""
    waiting_reads: int = READS_LIMIT
    """Reads that wait for the file or the object store; another one fails with `Overloaded`."""
    file_bytes: int | None = None
    """Size of the database file, None: as much as there is room. What does not fit is refused as where the
    disk is full. Of `file:` alone."""
    reserve_bytes: int = RESERVE_BYTES
    """Bytes that are kept free on the disk of a database file, at most an eighth of it: on a full disk what
    makes room is lent them. With 0 a full disk may stay full until somebody else makes room."""
    interval_seconds: float = INTERVAL
    """From one write to an object store to the next, at least: what it costs, and how long a commit waits."""
    checkpoint_slots: int = CHECKPOINT_SLOTS
    """Writes to an object store after which a checkpoint takes their place: what an opening has to read."""
    unuploaded_bytes: int = UNUPLOADED_BYTES
    """Bytes of commits that are acknowledged from a folder (``?local=FOLDER``) and not in the bucket yet. At
    so many, writers wait until there are less."""
    unuploaded_seconds: float = UNUPLOADED_SECONDS
    """How long such a commit may not be in the bucket. After that, writers wait until it is."""
    stream_seconds: float = PATIENCE_SECONDS
    """How long a stream of NATS that does not take something is asked again. Then it is not stored, and who
    wrote it is told so with `Unavailable`."""


DEFAULT_LIMITS = Limits()
DEFAULT_STORAGE_LIMITS = StorageLimits()
