"""Scripted people."""

import asyncio

import pytest

import protobase_live as pb
from protobase_actors import ManualClock
from protobase_live.cli.demo.data import BOARD, PEOPLE, Member, prepare
from protobase_live.cli.demo.users import AGAIN_SECONDS, MAX_USERS, Users, member

SECONDS = 20.0


def test_everybody_has_a_name_of_his_own():
    assert len({member(n).name for n in range(MAX_USERS)}) == MAX_USERS


@pytest.mark.parametrize("count", [-1, MAX_USERS + 1, True, 1.5, "3", None])
async def test_only_so_many_can_be_asked_for(count):
    users = Users([], lambda: None, ManualClock())
    with pytest.raises(pb.ValidationError, match=f"from 0 to {MAX_USERS}"):
        await users.become(count)
    assert len(users) == 0


async def test_they_come_as_members_of_a_team_are_seen_and_go():
    changes = []
    async with (
        pb.open("memory:") as database,
        pb.Server(database, port=0, authenticate=lambda token: token) as server,
    ):
        await prepare(database)
        board, people = await database.collection(BOARD), await database.collection(PEOPLE, Member)
        url = server.url.replace("http", "ws")
        async with board.presence() as here, Users([url], lambda: changes.append(1), ManualClock()) as users:
            await users.become(3)
            assert (len(users), len(changes)) == (3, 1)
            names = {member(n).name for n in range(3)}
            await until_here(here, names)
            assert names <= set(await people.keys())
            await users.become(1)
            await until_here(here, {member(0).name})
            assert len(users) == 1


async def until_here(here, names) -> None:
    async with asyncio.timeout(SECONDS):
        while {state["name"] for state in here.states.values() if state} != names:
            await anext(here)


async def test_whoever_is_lost_comes_back():
    clock, came = ManualClock(), []

    class Lost(Users):
        async def _work(self, member, urls):
            came.append((member.name, urls))
            raise pb.Unavailable("the nodes are gone")

    async with Lost(["a", "b"], lambda: None, clock) as users:
        await users.become(2)
        await clock.settle()
        assert came == [("fay", ["a", "b"]), ("gus", ["b", "a"])]
        await clock.advance(AGAIN_SECONDS)
        assert len(came) == 4


async def test_what_somebody_has_left_there_stays():
    async with pb.open("memory:") as database:
        await prepare(database)
        board = await database.collection(BOARD)
        for key in await board.keys():
            await board.delete(key)
        await prepare(database)
        assert await board.count() == 0
