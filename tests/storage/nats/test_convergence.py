"""Nodes on one stream that three servers keep hold what nodes that are linked as peers hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import protobase_live as pb
from tests.support.convergence import Convergence, Node
from tests.support.nats_places import url_of

pytestmark = pytest.mark.usefixtures("on_three")


class TestStream(Convergence):
    @asynccontextmanager
    async def node(self, place: Path, number: int, others: Sequence[Node]) -> AsyncIterator[Node]:
        async with pb.open(url_of(place)) as db, pb.Server(db, port=0) as server:
            yield Node(db, server)
