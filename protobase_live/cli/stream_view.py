"""A stream and the nodes on it, as ``protobase-live cluster`` shows them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from protobase_live.model.node_status import MemberStatus
from protobase_live.model.stream_status import ReplicaStatus, StreamStatus, promise


def print_stream(console: Console, stream: StreamStatus, nodes: Sequence[MemberStatus]) -> None:
    """Print it."""
    print(f"stream {stream.name}: {stream.messages} messages, {_size(stream)}, the last is {stream.last}")
    print(promise(stream.majority, stream.configured))
    known = f"of {', '.join(stream.servers)}; {stream.reconnects} reconnects"
    print(f"connected to {stream.server or 'none'} {known}")
    behind = f"{stream.behind} of {stream.followed} followed collections for {stream.behind_seconds:.2f} s"
    print(f"{decimal(stream.unstored_bytes)} wait to be stored; behind: {behind}")
    if stream.told_seconds is not None:
        console.print(_replicas(stream.replicas))
    if nodes:
        console.print(_nodes(nodes))


def _size(stream: StreamStatus) -> str:
    most = "" if stream.max_bytes is None else f" of {decimal(stream.max_bytes)}"
    return f"{decimal(stream.bytes)}{most}"


def _replicas(replicas: Sequence[ReplicaStatus]) -> Table:
    table = Table("replica", "", box=None)
    for column in ("lacks messages", "silent (s)"):
        table.add_column(column, justify="right")
    for each in replicas:
        state = "leader" if each.leads else _state(each)
        table.add_row(Text(each.name), state, str(each.lag), _silence(each))
    return table


def _silence(replica: ReplicaStatus) -> str:
    return "?" if replica.silent_seconds is None else f"{replica.silent_seconds:.2f}"


def _state(replica: ReplicaStatus) -> str:
    if not replica.is_there:
        return "silent" if replica.online else "offline"
    return "current" if replica.current else "behind"


def _nodes(nodes: Sequence[MemberStatus]) -> Table:
    table = Table("other node", "address", box=None)
    for each in nodes:
        table.add_row(Text(each.node), Text(each.address or "?"))
    return table
