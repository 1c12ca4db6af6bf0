"""Who was refused is slowed when it comes back.

Older stock clients come back ten times a second after any close, and send again what was refused. What is
remembered of a refusal is a ticket, which the next connection from there takes: it is held until the ticket's
time has come, and if it is refused again, its new ticket has twice the time. Others from the same address
find no ticket and pass, so that one client's faults are not its neighbours'.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import cast
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from protobase_actors import Clock
from protobase_live.server.limits import ServerLimits

Caller = int
"""Who asks for a connection: a hash of its address, and of the collection and the token that it names."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a caller has to show for its next connection: the wait, in seconds, and the moment of its end."""

    seconds: float
    until: float


def caller_of(connection: ServerConnection, request: Request) -> Caller:
    """Who has sent this request."""
    address = cast("tuple[str, int] | str | None", connection.remote_address)
    asked = urlsplit(request.path)
    host = address[0] if isinstance(address, tuple) else address
    return hash((host, asked.path, *parse_qs(asked.query).get("token", [])))


class Refusals:
    """The refusals of late, at most as many as the limits say."""

    def __init__(self, clock: Clock, limits: ServerLimits) -> None:
        self._clock = clock
        self._limits = limits
        self._tickets: OrderedDict[Caller, list[Ticket]] = OrderedDict()
        self._count = 0
        self._held = 0

    def __len__(self) -> int:
        return self._count

    def add(self, caller: Caller, before: Ticket | None) -> None:
        """A caller was refused; ``before`` is the ticket that it had come with."""
        first, most = self._limits.refusal_seconds, self._limits.refusal_seconds_most
        seconds = min(first if before is None else 2 * before.seconds, most)
        self._keep(caller, Ticket(seconds, self._clock.monotonic() + seconds))

    async def admit(self, caller: Caller) -> tuple[bool, Ticket | None]:
        """Whether the caller may come in, perhaps after a wait, and the ticket that it used.

        A ticket of a caller that may not, or that gives up waiting, is kept for its next try.
        """
        ticket = self._take(caller)
        if ticket is None:
            return True, None
        admitted = False
        try:
            admitted = await self._hold(ticket)
        finally:
            if not admitted:
                self._keep(caller, ticket)
        return admitted, ticket

    def give_back(self, caller: Caller, ticket: Ticket | None) -> None:
        """The caller went away before it was served."""
        if ticket is not None:
            self._keep(caller, ticket)

    async def _hold(self, ticket: Ticket) -> bool:
        wait = ticket.until - self._clock.monotonic()
        if wait <= 0:
            return True
        if self._held >= self._limits.held:
            return False
        self._held += 1
        try:
            await self._clock.sleep(min(wait, self._limits.hold_seconds))
        finally:
            self._held -= 1
        return wait <= self._limits.hold_seconds

    def _take(self, caller: Caller) -> Ticket | None:
        tickets = self._tickets.pop(caller, [])
        self._count -= len(tickets)
        oldest = self._clock.monotonic() - self._limits.refusal_seconds_most
        valid = sorted((ticket for ticket in tickets if ticket.until >= oldest), key=lambda t: t.until)
        if len(valid) > 1:
            self._tickets[caller] = valid[1:]
            self._count += len(valid) - 1
        return valid[0] if valid else None

    def _keep(self, caller: Caller, ticket: Ticket) -> None:
        self._tickets.setdefault(caller, []).append(ticket)
        self._tickets.move_to_end(caller)
        self._count += 1
        while self._count > self._limits.refusals:
            _, forgotten = self._tickets.popitem(last=False)
            self._count -= len(forgotten)
