"""What survives with the snapshots in a bucket: the end of processes, between any two steps."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.storage.nats import test_durability
from tests.support.cloud_places import PlaceObjects, keys_at
from tests.support.nats_bucket_folders import BucketFolders, origin_of

pytestmark = pytest.mark.usefixtures("on_moto")


class TestBucketDurability(test_durability.TestDurability):
    """What is at a place are a server's files, and objects. Copies of a place have the same objects."""

    opener = "tests.support.nats_bucket_folders:open_folder"

    def new_folders(self) -> BucketFolders:
        return BucketFolders()

    @classmethod
    def environment(cls) -> dict[str, str]:
        return dict(os.environ) | super().environment()

    def remove(self, place: Path) -> None:
        origin = origin_of(place)
        super().remove(place)
        if origin == place and (keys := keys_at(place)):
            PlaceObjects(place).delete(keys)

    def holds(self, place: Path, needle: bytes) -> bool:
        origin = origin_of(place)
        objects = PlaceObjects(origin)
        return super().holds(place, needle) or any(
            needle in (objects.get(key, 0, None) or b"") for key in keys_at(origin)
        )
