"""A scripted person."""

from random import Random

import protobase_live as pb
from protobase_live.cli.demo.data import BOARD, COLUMNS, Member, Task
from protobase_live.cli.demo.person import MAX_TASKS, Person

ANN = Member(name="ann", team="red", color="#123456")


async def test_a_person_keeps_the_board_small_and_what_others_have_put_there():
    async with pb.open("memory:") as db:
        board = await db.collection(BOARD, Task)
        await board.insert(Task(title="Mine", owner="me"), key="mine")
        async with board.presence({"name": "ann"}) as presence:
            person = Person(ANN, board, presence, Random(1))
            await person._plan()
            (first,) = person._planned
            for _ in range(60):
                for deed in (person._plan, person._vote, person._move, person._weigh):
                    await deed()
            assert presence.states[presence.client]["at"] in await board.keys()
        tasks = await board.items()
        assert first not in tasks  # it was planned first, and is tidied up first
        assert tasks["mine"].title == "Mine"
        assert len(tasks) in (MAX_TASKS - 1, MAX_TASKS)
        assert {each.column for each in tasks.values()} == set(COLUMNS)
        assert sum(each.votes for each in tasks.values()) > 0
