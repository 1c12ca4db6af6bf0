"""The other nodes of this one: dialing them, and which link is kept when both sides have dialed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from random import Random

from protobase_actors import Clock
from protobase_live.cluster.channel import Channel
from protobase_live.cluster.incoming import Home
from protobase_live.cluster.limits import ClusterLimits
from protobase_live.cluster.link import Link
from protobase_live.cluster.replication import Replication
from protobase_live.errors import LimitExceeded, ProtoBaseError, ProtocolError, Unauthorized, ValidationError
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
        self._dialers += [loop.create_task(self._keep(name, dial)) for name, dial in dials]

    async def serve(
        self, channel: Channel, *, dialed: bool, met: Callable[[str], None] = lambda node: None
    ) -> None:
        """Be linked over a channel until that ends. ``met`` is told with whom. Raises what has ended it."""
        shared = self._home, self._replication.source, self._presence
        link = Link(channel, self.node, *shared, self._limits, self._clock, self._replication.serve)
        try:
            await link.meet(self._secret, self._random, dialed=dialed)
            self._admit(link)
            met(link.node)
            await link.run(lambda: self.linked)
        except ProtoBaseError as error:
            self._let_go(link)  # before it is closed: that takes long where nothing comes through
            await link.close(_code_of(error), str(error))
            raise
        finally:
            self._let_go(link)

    async def close(self) -> None:
        """End all connections, and dial no more."""
        self._closing = True
        for dialer in self._dialers:
            dialer.cancel()
        await asyncio.gather(*self._dialers, return_exceptions=True)
        for link in list(self._replication.links.values()):
            await link.close(GOING_AWAY, "this node stops")

    def _admit(self, link: Link) -> None:
        """Raises LinkedAlready if another connection of the same two nodes is kept, and LimitExceeded."""
        known = self._replication.links.get(link.node)
        if known is None and len(self._replication.links) >= self._limits.links:
            raise LimitExceeded(f"linked with {self._limits.links} nodes already (links)")
        # Both sides decide alike: of two connections that of the lesser node stays, of equals the newer one.
        if known is not None and known.dialer != link.dialer and link.dialer != min(self.node, link.node):
            raise LinkedAlready(f"linked with {link.node!r} already")
        self._replication.add(link)
        if known is not None:
            known.end("another connection has taken its place")
        _log.info("linked with %r", link.node)

    def _let_go(self, link: Link) -> None:
        if self._replication.links.get(link.node) is link:
            self._replication.remove(link)
            _log.info("no longer linked with %r", link.node)

    async def _keep(self, name: str, dial: Dial) -> None:
        """Dial a node again and again; what has gone wrong is told to the log when it changes."""
        wait, told, node = self._limits.redial_seconds, "", ""

        def met(other: str) -> None:
            nonlocal wait, told, node
            wait, told, node = self._limits.redial_seconds, "", other

        while not self._closing:
            try:
                if node not in self._replication.links:
                    await self.serve(await dial(), dialed=True, met=met)
            except (ProtoBaseError, OSError, TimeoutError) as error:
                if not isinstance(error, LinkedAlready) and str(error) != told:
                    told = str(error)
                    _log.warning("no link to %s: %s", name, error)
            await self._clock.sleep(wait * self._random.uniform(0.5, 1.0))
            wait = min(2 * wait, self._limits.redial_seconds_most)


def _code_of(error: ProtoBaseError) -> int:
    return next((code for kind, code in _CODES if isinstance(error, kind)), GOING_AWAY)
