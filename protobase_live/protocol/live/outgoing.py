"""A request of a client on its way to its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from protobase_live.protocol.live.client_messages import Request
from protobase_live.protocol.live.codec import Frame


@dataclass(slots=True)
class Outgoing:
    """What was asked, as it is sent."""

    request: Request
    frame: Frame
    parts: list[Any] = field(default_factory=list[Any])
    """What came of a long answer so far."""
