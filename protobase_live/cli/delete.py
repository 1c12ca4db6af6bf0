"""``protobase-live delete``: take a collection out of a storage, or of a running server."""

from __future__ import annotations

from typing import NoReturn

from protobase_live.cli.loop import run
from protobase_live.cli.places import names_in, open_place


def delete(source: str, collection: str, token: str | None) -> NoReturn:
    """Delete it with its history, then end the process."""
    run(_delete(source, collection, token))


async def _delete(source: str, collection: str, token: str | None) -> None:
    place = await open_place(source, token, must_exist=True)
    try:
        await names_in(place, [collection])
        await place.delete(collection)
    finally:
        await place.close()
