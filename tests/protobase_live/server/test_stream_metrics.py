"""The figures of a stream that servers share."""

from __future__ import annotations

import protobase_live as pb
from protobase_actors import SystemClock
from protobase_live.database.database import Database
from protobase_live.server.counters import Counters
from protobase_live.server.metrics import metrics
from protobase_live.server.permissions import Permissions
from protobase_live.server.stream_metrics import stream_metrics
from protobase_storage.nats.simulated import SimulatedStream
from protobase_storage.nats.simulated_servers import StreamServers
from protobase_storage.nats.storage import NatsStorage
from tests.support.eventually import until
from tests.support.figures import values_of

STREAM = '{stream="tasks"}'


async def test_who_is_on_no_stream_has_none() -> None:
    async with pb.open("memory:") as db:
        assert values_of(await stream_metrics(db.replication)) == {}


async def test_a_stream_that_is_well_and_one_that_does_not_answer() -> None:
    servers = StreamServers()
    streams = [SimulatedStream(servers) for _ in range(2)]
    one, other = [Database(await NatsStorage.on(each, "tasks", 1, seconds=0.1)) for each in streams]
    async with one, other:
        await (await one.collection("a")).put({"n": 1}, key="k")
        assert one.replication.members is not None
        await until(lambda: bool(one.replication.members and one.replication.members.others))
        told = values_of(await stream_metrics(one.replication))
        ones = ("connected", "answers", "replicas", "replicas_current", "followed")
        assert [told[f"protobase_stream_{each}{STREAM}"] for each in ones] == [1] * len(ones)
        zeros = ("reconnects_total", "unstored_bytes", "max_bytes")
        assert [told[f"protobase_stream_{each}{STREAM}"] for each in zeros] == [0] * len(zeros)
        assert told[f"protobase_stream_nodes{STREAM}"] == 2
        assert told[f"protobase_stream_messages{STREAM}"] > 0
        assert told['protobase_stream_replica_lag{replica="simulated"}'] == 0
        servers.has_leader = False
        streams[0].cut()
        one.storage._watch._asked = None
        page = values_of(await metrics(one, Counters(), Permissions(SystemClock()), 0, 0))
        assert page[f"protobase_stream_connected{STREAM}"] == 0
        assert page[f"protobase_stream_answers{STREAM}"] == 0
        assert page["protobase_storage_bytes"] == told[f"protobase_stream_bytes{STREAM}"]
        servers.has_leader = True
        streams[0].mend()
