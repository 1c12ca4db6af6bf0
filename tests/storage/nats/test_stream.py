"""A stream of real servers, and the model of one, are the same to who uses them."""

from collections import defaultdict
from pathlib import Path

import pytest

from protobase_storage.nats.connection import connect
from protobase_storage.nats.opening import find_stream, patiently
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.stream import Stream
from tests.storage.nats.stream_suite import StreamConformance
from tests.support.nats_places import address_of, stream_of

_servers: defaultdict[Path, StreamServers] = defaultdict(StreamServers)


class TestSimulated(StreamConformance):
    async def open(self, place: Path) -> Stream:
        return SimulatedStream(_servers[place])


@pytest.mark.usefixtures("on_one")
class TestOneServer(StreamConformance):
    async def open(self, place: Path) -> Stream:
        return await open_real(place)


@pytest.mark.usefixtures("on_three")
class TestThreeServers(StreamConformance):
    async def open(self, place: Path) -> Stream:
        return await open_real(place)


async def open_real(place: Path) -> Stream:
    """The stream of that name, on the servers that the environment names."""
    stream = await connect(address_of(place))
    await find_stream(stream, address_of(place), 30, must_exist=False)
    # The server that it is connected to may not have heard yet who has the stream.
    await patiently(address_of(place), 30, lambda: stream.store(f"{stream_of(place)}.meta", b""))
    return stream
