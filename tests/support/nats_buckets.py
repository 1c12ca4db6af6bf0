"""Storages in streams whose snapshots are in the bucket that a test's environment names, all of them, however
small they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from protobase_storage.cloud.blocking import ThreadedObjects
from protobase_storage.cloud.objects import ObjectStore
from protobase_storage.nats.address import NatsAddress
from protobase_storage.nats.connection import connect
from protobase_storage.nats.limits import PATIENCE_SECONDS
from protobase_storage.nats.opening import find_stream
from protobase_storage.nats.storage import NatsStorage
from tests.support import cloud_places, nats_places
from tests.support.cloud_places import PlaceObjects, SteppingObjects
from tests.support.nats_places import wrapping


def url_of(place: Path | str) -> str:
    """The address of a place, as users write it: a stream, and a prefix of the bucket, that stand for it."""
    return f"{nats_places.url_of(place)}&snapshots={quote(cloud_places.url_of(Path(place)))}"


def objects_of(place: Path | str, on_step: Callable[[str], None] | None = None) -> ObjectStore:
    """The objects of a place, which say what is done with them if somebody wants to know."""
    store = ThreadedObjects(PlaceObjects(Path(place)))
    return SteppingObjects(store, on_step) if on_step else store


async def open_with_bucket(
    address: NatsAddress, objects: ObjectStore, on_step: Callable[[str], None] | None = None
) -> NatsStorage:
    """The storage in a stream and a bucket."""
    stream = await connect(address)
    replicas = await find_stream(stream, address, PATIENCE_SECONDS, must_exist=False)
    return await NatsStorage.on(
        wrapping(on_step)(stream), address.stream, replicas, snapshots=objects, stowed_bytes=0
    )


async def open_place(place: Path | str) -> NatsStorage:
    """The storage at a place."""
    return await open_with_bucket(nats_places.address_of(place), objects_of(place))
