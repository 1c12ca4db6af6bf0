"""Limits of one class are not taken for those of another."""

import pytest

import protobase_live as pb
from protobase_live.database.database import Database
from protobase_storage import MemoryStorage


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limits": pb.ViewLimits()}, r"limits= takes pb.Limits\(...\), not ViewLimits"),
        ({"view_limits": pb.Limits()}, r"view_limits= takes pb.ViewLimits\(...\), not Limits"),
        ({"presence_limits": 3}, r"presence_limits= takes pb.PresenceLimits\(...\), not int"),
    ],
)
async def test_open(given, said):
    with pytest.raises(pb.ValidationError, match=said):
        await pb.open("memory:", **given).__aenter__()


async def test_server():
    async with Database(MemoryStorage()) as database:
        with pytest.raises(pb.ValidationError, match=r"limits= takes pb.ServerLimits\(...\), not Limits"):
            pb.Server(database, limits=pb.Limits())
        with pytest.raises(pb.ValidationError, match=r"live_limits= takes pb\.LiveLimits"):
            pb.Server(database, live_limits=pb.ServerLimits())


async def test_connect():
    with pytest.raises(pb.ValidationError, match=r"limits= takes pb\.ClientLimits"):
        await pb.connect("ws://127.0.0.1:1/live", limits=pb.Limits()).__aenter__()


async def test_limits_of_queries_and_presence_count():
    limits = {"view_limits": pb.ViewLimits(query_rows=1), "presence_limits": pb.PresenceLimits(members=1)}
    async with pb.open("memory:", **limits) as db:
        tasks = await db.collection("tasks")
        for key in "ab":
            await tasks.put({}, key=key)
        with pytest.raises(pb.LimitExceeded, match="query_rows"):
            await db.query(pb.Query("tasks"))
        async with tasks.presence({}):
            with pytest.raises(pb.LimitExceeded, match="members"):
                await tasks.presence({}).__aenter__()
