"""Other processes that serve clients of the same port: what a server asks of whoever knows them."""

from __future__ import annotations

from socket import socket
from typing import TYPE_CHECKING, Any, Protocol

from protobase_live.server.rest.answers import Answer

if TYPE_CHECKING:
    from protobase_live.cluster.cluster import Cluster


class Siblings(Protocol):
    """Each has a store of its own, and is linked with all others."""

    listener: socket
    """Where this process has its clients from."""
    secret: bytes
    """What all of them know, and nobody else."""

    async def begin(self, cluster: Cluster) -> None:
        """Be linked with them."""
        ...

    async def settle(self) -> None:
        """This one takes no clients any more: wait, not for ever, until all have what all have stored."""
        ...

    async def figures(self, own: Answer) -> Answer:
        """The figures of all, beside the page of this one's ``own``."""
        ...


def place(siblings: Siblings | None, host: str, port: int) -> dict[str, Any]:
    """Where a server listens, as asyncio takes it."""
    return {"host": host, "port": port} if siblings is None else {"sock": siblings.listener}
