"""One block at a time opens what is to be opened, and closes the same."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.errors import Closed
from protobase_live.handles.entering import Entering


class Door:
    """Something that is opened, as often as it is asked for."""

    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


async def opened() -> Door:
    await asyncio.sleep(0)
    return Door()


async def test_a_second_block_is_refused_and_does_not_harm_the_first() -> None:
    entering = Entering(opened, "Door 'front'")
    first, second = await asyncio.gather(entering.__aenter__(), entering.__aenter__(), return_exceptions=True)
    assert isinstance(first, Door)
    assert isinstance(second, Closed)
    assert "Door 'front' is entered already" in str(second)
    with pytest.raises(Closed):
        await entering.__aenter__()
    assert not first.closed
    await entering.__aexit__(None, None, None)
    assert first.closed


async def test_it_may_be_entered_again_behind_the_block_and_when_it_could_not_be_opened() -> None:
    failing = [OSError("it sticks")]

    async def opened_later() -> Door:
        if failing:
            raise failing.pop()
        return await opened()

    entering = Entering(opened_later, "Door 'back'")
    with pytest.raises(OSError, match="it sticks"):
        await entering.__aenter__()
    async with entering as first:
        pass
    async with entering as second:
        assert (first.closed, second.closed) == (True, False)
    assert second.closed
    assert not (await entering).closed
