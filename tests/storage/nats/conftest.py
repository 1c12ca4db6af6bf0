"""NATS servers for all tests of a folder's files that ask for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from protobase_storage.nats import queueing
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from tests.support.cloud_fixtures import environment, fake_gcs, moto, on_moto, seaweedfs
from tests.support.nats_places import FOLDER, REPLICAS, VARIABLE
from tests.support.nats_servers import NatsServer, one_server, three_servers

__all__ = ["environment", "fake_gcs", "moto", "on_moto", "seaweedfs"]


def _name(patch: Any, servers: list[NatsServer]) -> None:
    patch.setenv(VARIABLE, ",".join(each.host for each in servers))
    patch.setenv(REPLICAS, str(len(servers)))
    patch.setenv(FOLDER, str(servers[0].folder.parent))


@pytest.fixture(scope="module")
def on_one() -> Iterator[NatsServer]:
    """One server, which the environment names."""
    with one_server() as server, pytest.MonkeyPatch.context() as patch:
        _name(patch, [server])
        yield server


@pytest.fixture(scope="module")
def on_three() -> Iterator[list[NatsServer]]:
    """Three servers, which the environment names."""
    with three_servers() as servers, pytest.MonkeyPatch.context() as patch:
        _name(patch, servers)
        yield servers


@pytest.fixture
def long_tickets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tickets count for longer than any test takes, however busy the machine is."""
    for name in ("TICKET_SECONDS", "CONTESTED_SECONDS"):
        monkeypatch.setattr(queueing, name, 600.0)


@pytest.fixture
def servers() -> StreamServers:
    """Those of a simulated stream."""
    return StreamServers()


@pytest.fixture
async def storage(stream: SimulatedStream) -> AsyncIterator[NatsStorage]:
    """One on the simulated stream that a file's tests have."""
    storage = await NatsStorage.on(stream, "s")
    yield storage
    await storage.close()


@pytest.fixture
async def other(servers: StreamServers) -> AsyncIterator[NatsStorage]:
    """Another process on the simulated stream."""
    storage = await NatsStorage.on(SimulatedStream(servers), "s")
    yield storage
    await storage.close()
