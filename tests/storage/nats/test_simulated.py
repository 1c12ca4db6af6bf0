"""The conformance suite on the simulated stream."""

from collections import defaultdict
from pathlib import Path

import pytest

from protobase_storage.conformance.basics import StorageConformance
from protobase_storage.conformance.model import make_commit
from protobase_storage.conformance.sharing import SharingConformance
from protobase_storage.conformance.stateful import model_test
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from protobase_storage.nats.stream import Unanswered

pytestmark = pytest.mark.usefixtures("long_tickets")

_servers: defaultdict[Path, StreamServers] = defaultdict(StreamServers)


async def open_simulated(place: Path) -> NatsStorage:
    """A storage on the stream of that name."""
    return await NatsStorage.on(SimulatedStream(_servers[place]), "simulated")


class Unwiping(SimulatedStream):
    """One whose servers never say that they have wiped something."""

    async def wipe(self, sequence: int) -> None:
        raise Unanswered("no answer comes")


async def test_what_cannot_be_wiped_keeps_nothing_from_being_stored() -> None:
    storage = await NatsStorage.on(Unwiping(StreamServers()), "simulated", seconds=0.1)
    await storage.append([make_commit("read", 1, origin="a")])
    known = {"read": {"a": 1}}
    for sequence in (1, 2):  # what was relied on is noted, and the notes are wiped
        await storage.append_behind([make_commit("written", sequence, origin="a")], known)
    assert (await storage.load("written")).vector == {"a": 2}
    await storage.close()


class TestSimulated(StorageConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_simulated(place)


class TestSimulatedShared(SharingConformance):
    async def open(self, place: Path) -> NatsStorage:
        return await open_simulated(place)


TestSimulatedModel = model_test(open_simulated, persistent=True)
