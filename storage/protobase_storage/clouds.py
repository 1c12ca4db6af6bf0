"""Opening a storage by the address of an object store."""

from __future__ import annotations

import asyncio
from typing import Any

from . import gcs, s3
from .cloud.address import SCHEMES, CloudAddress, parse_address
from .cloud.blocking import BlockingObjects, ThreadedObjects
from .cloud.storage import CloudStorage

__all__ = ["SCHEMES", "open_cloud", "parse_address"]


async def open_cloud(address: CloudAddress, **options: Any) -> CloudStorage:
    """Open what `parse_address` gave; `options` are those of `CloudStorage.open`.

    Raises what that raises, and `StorageError` where the provider's library is missing or has no credentials.
    """
    objects = await asyncio.to_thread(_connect, address)  # finding credentials takes its time
    return await CloudStorage.open(ThreadedObjects(objects), **options)


def _connect(address: CloudAddress) -> BlockingObjects:
    return s3.S3Objects(address) if address.scheme == "s3" else gcs.GcsObjects(address)
