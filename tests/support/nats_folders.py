"""Storages in folders: each with a NATS server of its own, which keeps its files there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from protobase_storage.nats.address import NatsAddress, parse_address
from protobase_storage.nats.storage import NatsStorage
from tests.support.nats_places import wrapping
from tests.support.nats_servers import NatsServer

HOST = "host"
"""The file that says where the server of a folder listens."""


class Folders:
    """The servers of folders, each started when somebody comes."""

    def __init__(self) -> None:
        self._servers: dict[Path, NatsServer] = {}

    def serve(self, folder: Path) -> None:
        """Have a server for a folder."""
        if folder not in self._servers:
            server = self._servers[folder] = NatsServer(folder)
            server.start()
            server.wait_until_ready()
            (folder / HOST).write_text(server.host)

    def stop(self, folder: Path) -> None:
        """Have none, so that its files may be looked at."""
        if server := self._servers.pop(folder, None):
            server.end()

    def close(self) -> None:
        """Stop them all."""
        for folder in list(self._servers):
            self.stop(folder)


def address_of(folder: Path) -> NatsAddress:
    """The stream of a folder that has a server."""
    return parse_address(f"nats://{(folder / HOST).read_text()}/database")


async def open_folder(place: Path | str, *, on_step: Callable[[str], None] | None = None) -> NatsStorage:
    """The storage of a folder that has a server."""
    return await NatsStorage.open(address_of(Path(place)), wrap=wrapping(on_step))
