"""The other nodes of this one: dialing them, and which link is kept when both sides have dialed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from random import Random

from protobase_actors import Clock
from protobase_live.cluster.channel import Channel
from protobase_live.cluster.dialing import Dialing
from protobase_live.cluster.incoming import Home
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.link import Link
from protobase_live.cluster.replication import Replication
from protobase_live.collection.mistakes import summary
from protobase_live.errors import (
    LimitExceeded,
    ProtoBaseError,
    ProtocolError,
    Unauthorized,
    Unavailable,
    ValidationError,
)
from protobase_live.presence.hub import PresenceHub
from protobase_live.protocol.live.limits import BAD_MESSAGE, TOO_MANY, UNAUTHORIZED
from protobase_live.protocol.peer.handshake import check_secret

GOING_AWAY = 1001
LINKED_ALREADY = 4409

Dial = Callable[[], Awaitable[Channel]]
"""Opens a connection. Raises OSError, TimeoutError or ProtoBaseError."""

_log = logging.getLogger(__name__)


class LinkedAlready(ProtoBaseError):
    """The nodes have another connection, which is kept."""


_CODES: tuple[tuple[type[ProtoBaseError], int], ...] = (
    (LinkedAlready, LINKED_ALREADY),
    (Unauthorized, UNAUTHORIZED),
    (LimitExceeded, TOO_MANY),
    (ProtocolError, BAD_MESSAGE),
    (ValidationError, BAD_MESSAGE),
)


class Cluster:
    """What one node is to the others. Made in the event loop, ended by `close`."""

    def __init__(
        self,
        node: str,
        secret: bytes,
        home: Home,
        replication: Replication,
        presence: PresenceHub,
        limits: ClusterLimits,
        clock: Clock,
        random: Random,
    ) -> None:
        """``node`` is this node's id. Raises ValidationError for a secret that is none."""
        self.node = node
        self._secret = check_secret(secret)
        self._home = home
        self._replication = replication
        self._presence = presence
        self._limits = limits
        self._clock = clock
        self._random = random
        self._dialers: list[asyncio.Task[None]] = []
        self._closing = False

    @property
    def linked(self) -> tuple[str, ...]:
        """The nodes that this one is linked with now."""
        return tuple(self._replication.links)

    def dial(self, dials: Iterable[tuple[str, Dial]]) -> None:
        """Keep up a connection to each of these, by the names that they have in the log."""
        loop = asyncio.get_running_loop()
        for address, dial in dials:
            dialing = Dialing(address, self._limits)
            self._replication.dialings.append(dialing)
            self._dialers.append(loop.create_task(self._keep(dialing, dial)))

    async def serve(
        self, channel: Channel, *, dialed: bool, met: Callable[[str], None] = lambda node: None
    ) -> None:
        """Be linked over a channel until that ends. ``met`` is told with whom. Raises what has ended it."""
        shared = self._home, self._replication.source, self._presence
        link = Link(channel, self.node, *shared, self._limits, self._clock, self._replication.serve)
        try:
            await link.meet(self._secret, self._random, dialed=dialed)
            self._meet(link, met)
            await link.run(lambda: self.linked)
        except ProtoBaseError as error:
            self._let_go(link)  # before it is closed: that takes long where nothing comes through
            await link.close(_code_of(error), str(error))
            raise
        finally:
            self._let_go(link)

    def _meet(self, link: Link, met: Callable[[str], None]) -> None:
        try:
            self._admit(link)
        except LinkedAlready:
            met(link.node)
            raise
        met(link.node)

    async def close(self) -> None:
        """End all connections, and dial no more."""
        self._closing = True
        for dialer in self._dialers:
            dialer.cancel()
        await asyncio.gather(*self._dialers, return_exceptions=True)
        for link in list(self._replication.links.values()):
            await link.close(GOING_AWAY, "this node stops")

    def _admit(self, link: Link) -> None:
        """Raises LinkedAlready if another connection of the same two nodes is kept, LimitExceeded, and
        ValidationError if this node has dialed two that have one id.
        """
        known = self._replication.links.get(link.node)
        if known is None and len(self._replication.links) >= self._limits.links:
            raise LimitExceeded(f"linked with {self._limits.links} nodes already (links)")
        # Both sides decide alike: of two connections that of the lesser node stays, of equals the newer one.
        if known is not None and known.dialer != link.dialer and link.dialer != min(self.node, link.node):
            raise LinkedAlready(f"linked with {link.node!r} already")
        if known is not None and known.dialer == link.dialer == self.node:
            raise ValidationError(
                f"another address leads to a node {link.node!r}, too: each node needs an id of its own "
                "(node-id), and is dialed at one address"
            )
        self._replication.add(link)
        if known is not None:
            known.end(LinkedAlready(f"another connection of a node {link.node!r} has taken its place"))
        _log.info("linked with %r", link.node, extra={"event": "node_linked", "node": link.node})

    def _let_go(self, link: Link) -> None:
        if self._replication.links.get(link.node) is link:
            self._replication.remove(link)
            fields = {"event": "node_lost", "node": link.node}
            _log.info("no longer linked with %r", link.node, extra=fields)

    async def _keep(self, dialing: Dialing, dial: Dial) -> None:
        """Dial a node again and again."""
        while True:
            await self._try(dialing, dial)
            if self._closing:  # a cancellation is lost where the link ends in the same moment
                return
            await self._clock.sleep(dialing.pause() * self._random.uniform(0.5, 1.0))

    async def _try(self, dialing: Dialing, dial: Dial) -> None:
        """Be linked with the node there until that ends; if it is linked already, until that does."""
        if dialing.node in self._replication.links:
            dialing.rest()
            await self._replication.without(dialing.node)
            return
        dialing.tell()
        begun = self._clock.monotonic()
        try:
            await self.serve(await dial(), dialed=True, met=dialing.met)
        except (ProtoBaseError, OSError, TimeoutError) as error:
            dialing.failed(error, self._clock.monotonic() - begun)
        except Exception as mistake:  # of this node: it is told as any other reason, and dialing goes on
            problem = Unavailable(f"this node failed: {summary(mistake)}")
            dialing.failed(problem, self._clock.monotonic() - begun)


def _code_of(error: ProtoBaseError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), GOING_AWAY)
