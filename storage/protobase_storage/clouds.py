"""Opening a storage by the address of an object store."""

from __future__ import annotations

import asyncio
from typing import Any

from . import gcs, s3
from .cloud.address import SCHEMES, CloudAddress, parse_address
from .cloud.blocking import BlockingObjects, ThreadedObjects
from .cloud.storage import CloudStorage
from .cloud.view import CloudView
from .local_cloud.opening import open_local
from .local_cloud.storage import LocalCloudStorage

__all__ = ["SCHEMES", "connect", "connected", "open_cloud", "open_local_cloud", "parse_address", "view_cloud"]


async def open_cloud(address: CloudAddress, **options: Any) -> CloudStorage:
    """Open what `parse_address` gave; `options` are those of `CloudStorage.open`.

    Raises what that raises, and `StorageError` where the provider's library is missing or has no credentials.
    """
    return await CloudStorage.open(await connected(address), **options)


async def open_local_cloud(address: CloudAddress, folder: str, **options: Any) -> LocalCloudStorage:
    """Open `folder` with what `parse_address` gave behind it; `options` are those of `open_local`.

    Raises what that raises, and `StorageError` as `open_cloud` does.
    """
    return await open_local(await connected(address), folder, **options)


async def view_cloud(address: CloudAddress, **options: Any) -> CloudView:
    """Look at what is there and take nothing over; `options` are those of `CloudView.open`.

    Raises what that raises, and `StorageError` as `open_cloud` does.
    """
    return await CloudView.open(await connected(address), **options)


async def connected(address: CloudAddress) -> ThreadedObjects:
    """The provider's client. Raises `StorageError`."""
    return ThreadedObjects(await asyncio.to_thread(connect, address))  # finding credentials takes its time


def connect(address: CloudAddress) -> BlockingObjects:
    """The provider's client, for a thread to wait in. Raises `StorageError`."""
    return s3.S3Objects(address) if address.scheme == "s3" else gcs.GcsObjects(address)
