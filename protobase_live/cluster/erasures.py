"""Whether the other nodes have done their part of an erasure.

A node is told of one as of any deletion, by the history that begins with it (`Outgoing`), and has done its
part when that history is there. Who erases asks each node, which answers then.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from protobase_actors import Clock, within
from protobase_live.cluster.replication import Replication
from protobase_live.collection.former import History
from protobase_live.errors import ProtoBaseError, Unavailable
from protobase_live.model.erasure import Erasure
from protobase_live.protocol.packing import as_number, as_text, pack, unpack

if TYPE_CHECKING:
    from protobase_live.cluster.link import Link

ERASED = "erased"
"""The question: ``[collection, [number, id]]``. Answered with nothing, when that history or a later one is
there."""


class Erasures:
    """Asks the other nodes, and answers them. What else they ask goes to who answered before."""

    def __init__(self, node: str, replication: Replication, clock: Clock) -> None:
        """``node`` is this one."""
        self._node = node
        self._replication = replication
        self._clock = clock
        self._otherwise = replication.serve
        replication.serve = self._answer

    async def spread(self, collection: str, history: History) -> Erasure:
        """Wait until ``history``, which begins with an erasure, is at the other nodes; ``erase_seconds`` at
        most."""
        links = list(self._replication.links.values())
        whys = await asyncio.gather(*(self._ask(link, collection, history) for link in links))
        asked = {link.node: why for link, why in zip(links, whys, strict=True)}
        done = [self._node, *(node for node, why in asked.items() if why is None)]
        left = {node: why for node, why in asked.items() if why is not None}
        return Erasure(done, left | self._unlinked(links))

    async def _ask(self, link: Link, collection: str, history: History) -> str | None:
        """Why it is not known that a node has done its part; None if it has."""
        body, seconds = pack([collection, history]), self._replication.limits.erase_seconds
        try:
            await within(self._clock, seconds, link.calls.ask(ERASED, body))
        except TimeoutError:
            return f"it has not done it within {seconds} s (erase_seconds)"
        except ProtoBaseError as error:
            return str(error)

    def _unlinked(self, links: list[Link]) -> dict[str, str]:
        """The nodes that are known and were not asked, and why."""
        asked = {self._node, *(link.node for link in links)}
        left = {node: "it is linked with other nodes only" for link in links for node in link.linked}
        left |= dict.fromkeys(self._replication.keeping.nodes, "it is not linked with this node now")
        for each in self._replication.dialings:
            left[each.node or each.address] = f"there is no link: {each.problem or 'it was not met yet'}"
        return {node: why for node, why in left.items() if node not in asked}

    async def _answer(self, name: str, body: bytes) -> bytes:
        if name != ERASED:
            return await self._otherwise(name, body)
        try:
            collection, (number, id) = unpack(body)
            wanted = as_text(collection), History(as_number(number), as_text(id))
        except (TypeError, ValueError) as error:
            raise Unavailable(f"what another node asks cannot be read: {error}") from error
        await within(self._clock, self._replication.limits.erase_seconds, self._until(*wanted))
        return b""

    async def _until(self, collection: str, history: History) -> None:
        while await self._replication.source.history(collection) < history:
            await self._replication.renewed.wait()
