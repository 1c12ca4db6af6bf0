"""The named limits of a node among others, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_live.limits import Limited


@dataclass(frozen=True, slots=True)
class ClusterLimits(Limited):
    """What a node sends others and takes from them; every limit says what happens at it."""

    recent_bytes: int = 16 * 1024 * 1024
    """Bytes of recent commits kept in memory for all other nodes; one that is further behind is served from
    the log."""
    kept_log_bytes: int = 32 * 1024 * 1024
    """Bytes of a collection's log, 200 more for each commit, that folding leaves there for nodes that have
    not said that they have stored them; a node that lacks more is sent a snapshot."""
    batch_commits: int = 1_000
    """Commits of one message; the others follow. A transaction over several collections is in one message."""
    batch_bytes: int = 256 * 1024
    """Bytes of updates of one message, unless a single commit or transaction has more; the others follow."""
    gather_bytes: int = 16 * 1024
    """Bytes sent to one node that it has not said to be durable there, up to which more waits for its answer,
    and goes in one message then; beyond them nothing waits."""
    gather_seconds: float = 0.005
    """The longest such wait."""
    gather_pause_seconds: float = 0.004
    """How long after a message of less than ``gather_bytes`` the next one waits at least, though that was
    answered, for more to go in it; not while a transaction waits to be durable there."""
    window_bytes: int = 4 * 1024 * 1024
    """Bytes sent to one node that it has not said to be durable there; beyond them nothing more is sent."""
    message_bytes: int = 256 * 1024 * 1024
    """Longest message that is taken from another node; a longer one ends the connection."""
    meeting_bytes: int = 16 * 1024
    """Longest message that is taken from who has not proved yet that it knows the cluster's secret; a longer
    one ends the connection. Of one that is not whole little more is read."""
    snapshot_part_bytes: int = 256 * 1024
    """Bytes of one message with a part of a snapshot."""
    snapshot_bytes: int = 512 * 1024 * 1024
    """Bytes of snapshots that are taken from another node as one; more end the connection."""
    together_bytes: int = 64 * 1024 * 1024
    """Bytes of the snapshots of several collections that are sent to be shown as one. What is more follows by
    itself, and of transactions over both only one part may be seen until then."""
    standings: int = 1_000
    """Collections of one message that says how far these are."""
    peer_collections: int = 1_000_000
    """Collections of another node of which it is remembered how far they are; with more the connection
    ends."""
    links: int = 64
    """Nodes that are linked with this one; another one is refused with 4429."""
    meeting_seconds: float = 1.0
    """How long another node may take to answer when it is dialed, and then to say who it is; then the
    connection ends. What was lost on the way is dialed anew no sooner."""
    beat_seconds: float = 0.25
    """How often nodes tell each other that they live."""
    dead_seconds: float = 0.9
    """How long nothing may come from another node; then the connection ends, and it is dialed again."""
    redial_seconds: float = 0.1
    """How long to wait before a node is dialed again, for the first time; each time doubles it. What an
    attempt took in vain counts as waiting."""
    redial_seconds_most: float = 0.5
    """The longest such wait."""
    refused_seconds: float = 10.0
    """The longest such wait for a node that has refused this one, or was refused, for a reason that dialing
    again does not mend: another secret, an id that two nodes have, no common version."""
    replication_seconds: float = 5.0
    """How long a commit waits to be durable on as many other nodes as it asks for; then it fails with
    `NotReplicated`, is not undone, and goes on to the others."""
    link_calls: int = 1_000
    """Questions to one node that wait for an answer, most of them forwarded transactions; one more fails
    with `Overloaded`."""
    lease_seconds: float = 2.0
    """How long a node that was granted the lease of owned collections keeps others from it. So long they have
    no owner, about, when that is lost; and so long after its start a node grants it to nobody anew."""
    lease_drift: float = 0.2
    """By how much of the time the clocks of nodes run apart, at most; the owner stops so much earlier."""
    owner_seconds: float = 5.0
    """How long a transaction on owned collections may take, the search for the owner included; then it fails
    with `NoOwner`, or with `OutcomeUnknown` if it was under way. So long a new owner may take to get what it
    lacks; then another one is looked for."""
    owner_transactions: int = 10_000
    """Transactions that wait at the owner; one more fails with `Overloaded`."""
    owner_batch: int = 100
    """Transactions that the owner has others store at once, of ``batch_bytes`` or one more; the next wait."""
    owner_documents: int = 100
    """Owned collections that the owner has in memory a second time, to check transactions; the one that was
    not used for longest is loaded anew when it is used."""
    erase_seconds: float = 10.0
    """How long an erasure waits for the other nodes to do their part; those that have not are named."""
    nodes: int = 256
    """Nodes on a stream that this one knows of, itself included; what others say is left out."""
    node_seconds: float = 10.0
    """How long a node on a stream counts as being there without a word; each says one four times as often."""
    retry_seconds: float = 0.5
    """How long to wait before a node that could not store something is sent it again."""
