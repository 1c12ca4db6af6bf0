"""What a copy comes from: the collections of a database, or the rooms of another program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from protobase_live.cli.histories import HistorySource
from protobase_live.cli.places import Place, open_place
from protobase_live.cli.rooms import STORES, open_rooms


class Source(Protocol):
    """What can be copied, one collection after the other."""

    async def names(self) -> Sequence[str]:
        """The collections, in order."""
        ...

    async def bring(self, name: str, target: Place) -> bool:
        """Store in ``target`` what it lacks of a collection; False if it had all. Durable on return.

        Raises ValidationError if the target has something else, and what reading and storing raise.
        """
        ...

    async def verify(self, name: str, target: Place) -> None:
        """Read what is stored again. Raises StorageFailed unless it is what `bring` brought."""
        ...

    def damage(self) -> Sequence[str]:
        """What was found to be wrong, and belongs to no collection."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


async def open_source(url: str, token: str | None) -> Source:
    """What is at ``url``. Raises Unavailable, StorageFailed, ValidationError."""
    if url.partition(":")[0] in STORES:
        return await open_rooms(url)
    return HistorySource(await open_place(url, token, read_only=True))
