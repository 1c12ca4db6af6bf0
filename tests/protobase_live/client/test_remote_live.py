"""Live queries over the wire, of a real database, through connections that are lost at any moment."""

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live import F
from protobase_live.client import connect
from protobase_live.database.database import Database
from protobase_live.protocol.live.limits import LiveLimits
from protobase_live.server.live_door import LiveDoor
from protobase_storage.memory import MemoryStorage
from tests.protobase_live.live_wire import pipe

KEYS = ("a", "b", "c", "d", "e", "f")
QUERIES = (
    pb.Query("tasks"),
    pb.Query("tasks").where(F.n >= 2).order_by("-n").limit(3),
    pb.Query("tasks").join("users", {"owner": "_key"}, "user", "left").select("n", name=F.user.n),
    pb.Query("tasks").group_by("owner", count=pb.count(), total=pb.sum("n")),
)
LIMITS = LiveLimits(batch=2)

rows = st.fixed_dictionaries({"n": st.integers(0, 4), "owner": st.sampled_from(KEYS[:2])})
writes = st.lists(
    st.tuples(st.sampled_from(["tasks", "users"]), st.sampled_from(KEYS), st.none() | rows),
    min_size=1,
    max_size=4,
    unique_by=lambda write: write[:2],
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), writes),
        st.tuples(st.just("cut"), st.integers(0, 20)),
        st.tuples(st.sampled_from(["advance", "read", "turns"]), st.integers(1, 3)),
    ),
    max_size=25,
)


class World:
    """A database, its door, and a client with a live query of each of QUERIES."""

    def __init__(self):
        self.clock = ManualClock()
        self.database = Database(MemoryStorage(), clock=self.clock, random=Random(1))
        self.door = LiveDoor(self.database, clock=self.clock, limits=LIMITS)
        self.keys = set()
        self.ends, self.serving = [], []
        self.lives = [None] * len(QUERIES)
        self.seen = [[] for _ in QUERIES]

    async def dial(self, url):
        end, served = pipe(capacity=2)
        self.ends.append(end)
        self.serving.append(asyncio.ensure_future(self.door.serve(served)))
        return end

    async def write(self, changes):
        async with self.database.transaction() as tx:
            for collection, key, row in changes:
                if row is not None:
                    tx[collection].put(row, key=key)
                    self.keys.add((collection, key))
                elif (collection, key) in self.keys:
                    tx[collection].delete(key)
                    self.keys.discard((collection, key))

    async def cut(self, turns):
        await self.turns(turns)
        await self.ends[-1].close(1006, "cut")

    async def turns(self, count):
        for _ in range(count):
            await asyncio.sleep(0)

    async def advance(self, seconds):
        await self.clock.advance(seconds)

    async def read(self, number):
        """What a reader of the differences has; False if there is none now."""
        reading = asyncio.ensure_future(anext(self.lives[number]))
        await self.clock.settle()
        if not reading.done():
            reading.cancel()
            return False
        diff = reading.result()
        seen = self.seen[number] = [] if diff.reset else self.seen[number]
        for change in diff.changes:
            if change.kind in ("delete", "update"):
                del seen[change.position]
            elif change.kind == "move":
                del seen[change.previous]
            if change.kind != "delete":
                seen.insert(change.position, change.row)
        return True

    async def check(self):
        await self.clock.advance(20)
        for number, query in enumerate(QUERIES):
            while await self.read(number):
                pass
            assert self.seen[number] == self.lives[number].rows == await self.database.query(query)


async def play(steps):
    world = World()
    async with world.database:
        async with connect("ws://server/live", clock=world.clock, random=Random(1), dial=world.dial) as db:
            for number, query in enumerate(QUERIES):
                world.lives[number] = live = db.live(query)
                await live.__aenter__()
            for name, argument in steps:
                await getattr(world, name)(argument)
            await world.check()
            for live in world.lives:
                await live.__aexit__(None, None, None)
        await asyncio.wait(world.serving)
        assert [task.exception() for task in world.serving] == [None] * len(world.serving)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_rows_are_those_of_the_query_whatever_is_lost(steps):
    asyncio.run(play(steps))
