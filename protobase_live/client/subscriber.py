"""Who hears what a stream or view brings."""

from __future__ import annotations

from typing import Protocol

from protobase_live.errors import ProtoBaseError
from protobase_live.protocol.live.client_events import News


class Subscriber(Protocol):
    """What a link tells of a stream or view."""

    def hear(self, news: News) -> None:
        """It brought something."""
        ...

    def fail(self, error: ProtoBaseError) -> None:
        """It is over."""
        ...
