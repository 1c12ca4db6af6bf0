"""A server's links with other nodes, and its door for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from random import Random, SystemRandom
from typing import TYPE_CHECKING, Any, cast

from protobase_actors import Clock
from protobase_live.cluster.placement import check_address
from protobase_live.database.database import Database
from protobase_live.errors import ValidationError
from protobase_live.model.arguments import require_secret, text
from protobase_live.server.connection import Connection
from protobase_live.server.doors import Door
from protobase_live.server.peer_addresses import PEER_PATH, check_peers
from protobase_live.server.siblings import Siblings

if TYPE_CHECKING:
    from ssl import SSLContext

    from protobase_live.cluster.cluster import Cluster


class Linking:
    """Those of one server; without a secret it is alone."""

    def __init__(
        self,
        database: Database,
        peers: Sequence[str],
        secret: bytes | None,
        clock: Clock,
        random: Random | None,
        tls: SSLContext | None = None,
        siblings: Siblings | None = None,
        advertise: str | None = None,
    ) -> None:
        """``advertise`` is where clients find this node, if it is on a stream.

        Raises ValidationError for what is no address or no secret, and where one is needed.
        """
        self._database = database
        self._peers = check_peers(peers)
        self._siblings = siblings
        secret = secret if siblings is None else siblings.secret
        self._secret = None if secret is None else _checked(secret)
        if (self._peers or database.owner is not None) and self._secret is None:
            raise ValidationError("nodes that are linked have a secret in common (cluster-secret-file)")
        if self._secret is not None and database.replication.following is not None:
            raise ValidationError(
                "nodes on one stream are not linked: leave out peer and cluster-secret-file"
            )
        self._address = check_address(text("advertise=", advertise or ""))
        if self._address and database.replication.members is None:
            raise ValidationError("nodes on a stream find each other by advertise, and no others do")
        self._clock = clock
        self._random = random or SystemRandom()
        self._tls = tls
        self._cluster: Cluster | None = None

    async def begin(self) -> list[Door]:
        """Begin to dial the other nodes and siblings; gives the door through which they are let in."""
        self._advertise(self._address)
        if self._secret is None:
            return []
        # Imported here: a server that is alone starts without.
        from protobase_live.cluster.cluster import Cluster
        from protobase_live.server.peers import dial

        database, limits = self._database, self._database.replication.limits
        parts = database.home, database.replication, database.presence_hub, limits, self._clock, self._random
        self._cluster = Cluster(database.node, self._secret, *parts)
        database.replication.configured = max(database.replication.configured, 1 + len(self._peers))
        if database.owner is not None:
            database.owner.start()
        self._cluster.dial((url, partial(dial, url, limits, self._tls)) for url in self._peers)
        if self._siblings is not None:
            await self._siblings.begin(self._cluster)
        return [Door("peer", PEER_PATH, self._serve, self._admit, counted=False)]

    def turn_away(self) -> None:
        """Clients are to go elsewhere from now on."""
        self._advertise("")

    def _advertise(self, address: str) -> None:
        if self._database.replication.members is not None:
            self._database.replication.members.advertise(address)

    async def close(self) -> None:
        """End the links with other nodes."""
        if self._siblings is None:
            await self._end()

    async def settle(self) -> None:
        """No client is left: end the links with siblings, behind what they lack yet."""
        if self._siblings is not None:
            await self._siblings.settle()
            await self._end()

    async def _end(self) -> None:
        if self._database.owner is not None:
            await self._database.owner.close()
        if self._cluster is not None:
            await self._cluster.close()

    async def _admit(self, connection: Connection) -> None:
        limits = self._database.replication.limits
        connection.distrust(limits.meeting_bytes)
        connection.allow(limits.message_bytes)  # the first long message may come with the proof

    async def _serve(self, connection: Connection, forbidden: str | None) -> None:
        from protobase_live.server.peers import serve_peer

        assert self._cluster is not None
        await serve_peer(self._cluster, connection)  # nodes are known by their secret, and are no pages


def _checked(secret: bytes) -> bytes:
    require_secret(isinstance(cast(Any, secret), bytes), "cluster_secret=", "bytes", secret)
    from protobase_live.protocol.peer.handshake import check_secret

    return check_secret(secret)
