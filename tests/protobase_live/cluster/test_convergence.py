"""Nodes that are linked as peers, over sockets and on file storage, hold what nodes have to hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import protobase_live as pb
from tests.support.convergence import Convergence, Node

SECRET = b"a secret of sixteen bytes or more"


class TestPeers(Convergence):
    @asynccontextmanager
    async def node(self, place: Path, number: int, others: Sequence[Node]) -> AsyncIterator[Node]:
        peers = [f"{each.url}/peer" for each in others]
        async with (
            pb.open(f"file:{place}/n{number}", node_id=f"n{number}") as db,
            pb.Server(db, port=0, peers=peers, cluster_secret=SECRET) as server,
        ):
            yield Node(db, server)
