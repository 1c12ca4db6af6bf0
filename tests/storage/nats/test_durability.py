"""What survives on one server: the end of processes, and of the server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protobase_storage.conformance.durability import DurabilityConformance
from protobase_storage.contract import Storage
from tests.support.nats_folders import Folders


class TestDurability(DurabilityConformance):
    """All of it but what damaged bytes do: JetStream checks messages itself, and drops what is damaged of a
    stream with one replica. Where that was the end, no error tells (docs/storage.md)."""

    test_damage_is_confined_to_its_collection = None
    test_damaged_bytes_never_load_as_something_else = None
    steps = range(0, 200, 3)
    opener = "tests.support.nats_folders:open_folder"
    folders: Folders

    def new_folders(self) -> Folders:
        """What keeps the servers of a test."""
        return Folders()

    @pytest.fixture(autouse=True)
    def servers(self) -> Iterator[None]:
        """The servers of a test."""
        self.folders = self.new_folders()
        yield
        self.folders.close()

    async def open(self, place: Path, **options: Any) -> Storage:
        self.folders.serve(place)
        return await super().open(place, **options)

    def child(self, place: Path, job: str, **arguments: Any) -> subprocess.Popen[str]:
        self.folders.serve(place)
        return super().child(place, job, **arguments)

    def run_child(self, place: Path, job: str, **arguments: Any) -> list[str]:
        self.folders.serve(place)
        return super().run_child(place, job, **arguments)

    def copy(self, origin: Path, target: Path) -> None:
        self.folders.stop(origin)
        super().copy(origin, target)

    def remove(self, place: Path) -> None:
        self.folders.stop(place)
        super().remove(place)

    def damage(self, place: Path, needle: bytes) -> int:
        self.folders.stop(place)
        return super().damage(place, needle)
