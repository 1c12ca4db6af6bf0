"""What a request of the REST door is carried out with."""

from __future__ import annotations

from dataclasses import dataclass

from protobase_actors import Clock
from protobase_live.database.database import Database
from protobase_live.protocol.live.encodings import Encodings
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.authority import Authority
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.permitted_database import PermittedDatabase


@dataclass(frozen=True, slots=True)
class Services:
    """All but the first two are the same for all requests of one server."""

    database: PermittedDatabase
    """As who asks may use it."""
    authority: Authority
    """What who asks may do."""
    whole: Database
    """For what is the server's own."""
    clock: Clock
    limits: ServerLimits
    live_limits: LiveLimits
    encodings: Encodings
    """Of changes, which many streams are told."""
    counters: Counters
    inspector: bool
    """Whether it is told what the inspector shows."""
    epoch: float
    """With the clock's `monotonic`: the wall time, as if nobody had set it since the start."""
