"""One at a time, in order, and a round of the event loop between two."""

import asyncio

import pytest

from protobase_live.live.turnstile import Turnstile


async def rounds(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_one_in_a_round_and_in_order():
    turnstile, seen, round_now = Turnstile(), [], 0

    async def pass_through(name):
        async with turnstile:
            seen.append((round_now, name))

    tasks = [asyncio.ensure_future(pass_through(name)) for name in "abcd"]
    while not all(task.done() for task in tasks):
        round_now += 1
        await asyncio.sleep(0)
    assert [name for _, name in seen] == list("abcd")
    assert len({at for at, _ in seen}) == 4, "never two in one round"


async def test_who_is_alone_does_not_wait():
    turnstile = Turnstile()
    for _ in range(3):
        task = asyncio.ensure_future(turnstile.__aenter__())
        await rounds(1)
        assert task.done()
        await turnstile.__aexit__(None, None, None)
        await rounds(1)


async def test_who_gives_up_lets_the_next_one_in():
    turnstile = Turnstile()
    await turnstile.__aenter__()
    first, second = (asyncio.ensure_future(turnstile.__aenter__()) for _ in range(2))
    await rounds(1)
    first.cancel()
    await turnstile.__aexit__(None, None, None)
    await rounds(3)
    assert first.cancelled()
    assert second.done()


async def test_who_gives_up_when_it_is_let_in_lets_the_next_one_in():
    turnstile = Turnstile()
    await turnstile.__aenter__()
    first, second = (asyncio.ensure_future(turnstile.__aenter__()) for _ in range(2))
    await rounds(1)
    await turnstile.__aexit__(None, None, None)
    asyncio.get_running_loop().call_soon(first.cancel)
    await rounds(4)
    assert first.cancelled()
    assert second.done()


async def test_an_error_inside_lets_the_next_one_in():
    turnstile = Turnstile()
    with pytest.raises(KeyError):
        async with turnstile:
            raise KeyError
    async with turnstile:
        pass
