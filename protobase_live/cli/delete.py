"""``protobase-live delete``: take a collection out of a storage."""

from __future__ import annotations

from typing import NoReturn

from protobase_live.cli.loop import run
from protobase_live.errors import StorageFailed, ValidationError
from protobase_live.names import check_collection
from protobase_live.opening import open_storage
from protobase_storage import StorageError


def delete(storage: str, collection: str) -> NoReturn:
    """Delete it with its history, then end the process."""
    run(_delete(storage, collection))


async def _delete(url: str, collection: str) -> None:
    check_collection(collection)
    storage = await open_storage(url, must_exist=True)
    try:
        if all(each.name != collection for each in await storage.list(collection)):
            raise ValidationError(f"there is no collection {collection!r} in {url}")
        await storage.delete(collection)
    except StorageError as error:
        raise StorageFailed(f"cannot delete collection {collection!r}: {error}") from error
    finally:
        await storage.close()
