"""Nodes that end, and who starts them again."""

from protobase_actors import ManualClock
from protobase_live.cli.demo.node import DemoNode
from protobase_live.cli.demo.nodes import RESTART_SECONDS, NodeProcess
from protobase_live.errors import Unavailable

NODE = DemoNode("n1", "memory:", 1, (), "secret")


class Mortal(NodeProcess):
    """Ends when it is told to, and has no process."""

    def __init__(self) -> None:
        super().__init__(NODE, print, lambda: None)
        self.starts = 0
        self.fault: Exception | None = None
        self._become("up")
        self._clock = ManualClock()

    async def _start(self) -> None:
        self.starts += 1
        if self.fault is not None:
            raise self.fault

    async def ended(self) -> None:
        while self.state == "up":
            await self._clock.sleep(1)

    async def die(self) -> None:
        self._become("down")
        await self._clock.advance(1)


async def kept(node, clock, told, watched):
    import asyncio

    task = asyncio.ensure_future(node.keep(told.append, lambda: bool(watched), clock))
    await clock.settle()
    return task


async def test_a_node_that_has_ended_is_started_again_after_a_while():
    node, clock, told = Mortal(), ManualClock(), []
    task = await kept(node, clock, told, [])
    await node.die()
    assert told == ["n1 is gone; it is started again in 5 seconds, or by a page"]
    await clock.advance(RESTART_SECONDS - 0.1)
    assert node.starts == 0
    await clock.advance(0.1)
    assert (node.starts, node.state) == (1, "up")
    assert "n1 is back" in told[-1]
    task.cancel()


async def test_while_a_page_is_open_it_stays_away_until_that_starts_it():
    node, clock, told, watched = Mortal(), ManualClock(), [], [1]
    task = await kept(node, clock, told, watched)
    await node.die()
    await clock.advance(10 * RESTART_SECONDS)
    assert (node.starts, node.state) == (0, "down")
    await node.start()
    await clock.advance(RESTART_SECONDS)
    assert (node.starts, len(told)) == (1, 2)
    await node.die()
    watched.clear()  # the page is closed: nobody is left who could
    await clock.advance(RESTART_SECONDS)
    assert (node.starts, node.state) == (2, "up")
    task.cancel()


async def test_one_that_does_not_start_is_tried_again():
    node, clock, told = Mortal(), ManualClock(), []
    task = await kept(node, clock, told, [])
    node.fault = Unavailable("it did not start")
    await node.die()
    await clock.advance(RESTART_SECONDS)
    assert (told[-1], node.state) == ("it did not start", "down")
    node.fault = None
    await clock.advance(RESTART_SECONDS)
    assert (node.starts, node.state) == (2, "up")
    task.cancel()


async def test_starting_what_runs_and_killing_what_does_not_is_nothing():
    node = Mortal()
    await node.start()
    assert node.starts == 0
    await node.die()
    await node.kill()
    assert (node.state, node.pid) == ("down", None)
