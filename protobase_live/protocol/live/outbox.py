"""The requests of a client on their way to their answers."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from protobase_live.protocol.live.client_messages import ClientMessage, Request
from protobase_live.protocol.live.codec import Codec, Frame
from protobase_live.protocol.live.limits import WelcomeLimits
from protobase_live.protocol.live.messages import encode


@dataclass(slots=True)
class Outgoing:
    """What was asked, as it is sent."""

    request: Request
    frame: Frame
    parts: list[Any] = field(default_factory=list[Any])
    """What came of a long answer so far."""

    @property
    def size(self) -> int:
        """The bytes of its frame."""
        return len(self.frame if isinstance(self.frame, bytes) else self.frame.encode())


class Outbox:
    """Those that wait to be sent, in order, and those that were sent and wait for their answers."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._waiting: OrderedDict[int, Outgoing] = OrderedDict()
        self._sent: dict[int, Outgoing] = {}
        self._control: deque[Frame] = deque()
        self.limits: WelcomeLimits | None = None
        """What the server takes; None while nothing may be sent."""

    def __contains__(self, id: int) -> bool:
        return id in self._waiting or id in self._sent

    def add(self, request: Request, *, first: bool = False) -> None:
        """Send a request when there is room for it, behind those that wait or before them."""
        self.put_back(Outgoing(request, encode(request, self._codec)))
        if first:
            self._waiting.move_to_end(request.id, last=False)

    def put_back(self, *entries: Outgoing) -> None:
        """Send what was taken out, behind what waits."""
        for entry in entries:
            self._waiting[entry.request.id] = entry

    def say(self, message: ClientMessage) -> None:
        """Send a message that waits for nothing."""
        self._control.append(encode(message, self._codec))

    def drop(self, id: int) -> None:
        """Do not send a request, unless it was sent."""
        self._waiting.pop(id, None)

    def sent(self, id: int) -> Outgoing | None:
        """A request that was sent and waits for its answer."""
        return self._sent.get(id)

    def take(self, id: int) -> Outgoing | None:
        """A request that was sent, whose answer has come."""
        return self._sent.pop(id, None)

    def take_waiting(self) -> list[Outgoing]:
        """What waits to be sent, in order; nothing waits then."""
        waiting, self._waiting = self._waiting, OrderedDict()
        return list(waiting.values())

    def lose(self) -> list[Outgoing]:
        """The connection is lost: what was sent on it and not answered, in order."""
        sent, self._sent = self._sent, {}
        self.limits = None
        self._control.clear()
        return list(sent.values())

    def outgoing(self) -> Iterator[Frame | Outgoing]:
        """What is to be sent now; an `Outgoing` is too long for the server, and was dropped.

        A request counts as sent once its frame was taken.
        """
        while self._control:
            yield self._control.popleft()
        while self._waiting and self.limits and len(self._sent) < self.limits.requests:
            id, entry = self._waiting.popitem(last=False)
            if entry.size > self.limits.message_bytes:
                yield entry
            else:
                self._sent[id] = entry
                yield entry.frame
