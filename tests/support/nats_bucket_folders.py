"""Storages in folders, as in `nats_folders`, whose snapshots are in the bucket that a test's environment
names, all of them, however small they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_buckets import objects_of, open_with_bucket
from tests.support.nats_folders import Folders, address_of

ORIGIN = "origin"
"""The file that says by which place the prefix of a folder's objects is named. A copy has the same."""


def origin_of(folder: Path) -> Path:
    """That place."""
    return Path((folder / ORIGIN).read_text())


class BucketFolders(Folders):
    """The servers of folders that know where their objects are."""

    def serve(self, folder: Path) -> None:
        """See `Folders.serve`."""
        super().serve(folder)
        if not (folder / ORIGIN).exists():
            (folder / ORIGIN).write_text(str(folder))


async def open_folder(place: Path | str, *, on_step: Callable[[str], None] | None = None) -> NatsStorage:
    """The storage of a folder that has a server."""
    folder = Path(place)
    return await open_with_bucket(address_of(folder), objects_of(origin_of(folder), on_step), on_step)
