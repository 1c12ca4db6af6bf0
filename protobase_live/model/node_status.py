"""How one node of a cluster is, and its links to others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from protobase_live.model.stream_status import StreamStatus


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """A link with another node, as one of both sees it; or an address that leads to none."""

    node: str
    """Who is there; empty if nobody has ever answered."""
    address: str | None
    """Where it is dialed; None: it has dialed this node."""
    up: bool
    problem: str | None = None
    """Why it is not up, as far as that is known."""
    linked: Sequence[str] = ()
    """The nodes that the other one is linked with."""
    lacking_commits: int = 0
    """Commits that are durable here and not known to be durable there."""
    lacking_seconds: float = 0.0
    """For how long it has lacked what it has lacked longest of all."""
    unanswered_bytes: int = 0
    """Bytes of commits that were sent and are not said to be durable."""
    silent_seconds: float = 0.0
    """How long nothing has come from it."""
    stuck: Mapping[str, str] = field(default_factory=dict[str, str])
    """Collections that it can never take as they are, and why; at most some."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A node that uses the same storage."""

    node: str
    address: str
    """Where clients find it; empty: it has not said."""


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """What `cluster_status` answers with."""

    node: str
    """Its id."""
    configured: int
    """How many nodes the cluster has, this one included, as far as this one is told so; on a stream: how many
    it hears of."""
    bytes: int
    """Bytes on its storage."""
    collections: int
    """Collections in its storage."""
    loaded: int
    """Collections in its memory."""
    held_commits: int
    """Commits of other nodes that wait for what they were made on."""
    links: Sequence[LinkStatus]
    """Those that are configured first."""
    owner: str | None = None
    """Who seems to be the owner of the owned collections: empty if nobody, None if this node has none."""
    nodes: Sequence[MemberStatus] = ()
    """The other nodes on the same stream, as far as this one hears them."""
    stream: StreamStatus | None = None
    """How that is; None: the node's storage is its own."""

    def faults(self, lag_seconds: float) -> list[str]:
        """What is not well, in words: who is not linked, lacks something for longer or is stuck; no owner;
        and `StreamStatus.faults`.
        """
        faults = [fault for link in self.links for fault in _faults(link, lag_seconds)]
        if self.owner == "":
            faults.append("no node is the owner of the owned collections")
        return faults if self.stream is None else [*faults, *self.stream.faults(lag_seconds)]

    def form(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    @classmethod
    def parse(cls, form: Mapping[str, Any]) -> NodeStatus:
        """What `form` made."""
        fields: dict[str, Any] = {**form, "links": [LinkStatus(**each) for each in form["links"]]}
        fields["nodes"] = tuple(MemberStatus(**each) for each in form.get("nodes", ()))
        if (stream := form.get("stream")) is not None:
            fields["stream"] = StreamStatus.parse(stream)
        return cls(**fields)


def _faults(link: LinkStatus, lag_seconds: float) -> list[str]:
    who = link.node or link.address or ""
    if not link.up:
        return [f"{who} is not linked: {link.problem or 'it was not dialed yet'}"]
    faults: list[str] = []
    if link.lacking_seconds > lag_seconds:
        faults.append(f"{who} has lacked commits for {link.lacking_seconds:.1f} s")
    return faults + [f"{who} cannot take {name}: {why}" for name, why in link.stuck.items()]
