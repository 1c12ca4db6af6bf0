"""Cuts in one direction."""

from __future__ import annotations

import detangle

from protobase_live.testing import World, simulate
from protobase_live.testing.one_way import OneWayCuts


async def _scenario(world: World) -> None:
    cuts = OneWayCuts(world.network)
    heard: list[str] = []

    async def listen(host: str) -> None:
        mailbox = detangle.network().mailbox(1, host=host)
        while True:
            message, _ = await mailbox.recv()
            heard.append(message)

    async def say(host: str, to: str) -> None:
        detangle.network().mailbox(2, host=host).send((to, 1), f"{host} to {to}")

    for host in ("a", "b"):
        world.spawn(listen(host), host)
    cuts.cut("a", "b")
    await say("a", "b")
    await say("b", "a")
    await world.clock.sleep(1)
    assert heard == ["b to a"]
    cuts.mend("a", "b")
    detangle.network().mailbox(3, host="a").send(("b", 1), "again")
    await world.clock.sleep(1)
    assert heard == ["b to a", "again"]


def test_one_is_heard_and_does_not_hear() -> None:
    failure = simulate(_scenario, 1).failure
    assert failure is None, failure
