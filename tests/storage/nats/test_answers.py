"""Answers that are given up: who waits for one hears so at once, and who asks later waits as before."""

from __future__ import annotations

import asyncio

import pytest

from protobase_storage.nats.answers import Answers
from protobase_storage.nats.stream import Unanswered

TURNS = 5
"""Of the event loop, after which what is given up has ended."""


async def waits(answers: Answers, answer: asyncio.Future[str]) -> str:
    async with answers.awaited():
        return await answer


async def test_what_was_asked_is_given_up_and_what_is_asked_later_is_not() -> None:
    answers, never = Answers(), asyncio.get_running_loop().create_future()
    early = [asyncio.create_task(waits(answers, asyncio.shield(never))) for _ in range(2)]
    await asyncio.sleep(0)
    answers.give_up("the connection was lost")
    answers.give_up("they are given up once")
    later = asyncio.create_task(waits(answers, never))
    for _ in range(TURNS):
        await asyncio.sleep(0)
    assert all(each.done() for each in early)
    for each in early:
        with pytest.raises(Unanswered, match="once"):
            await each
    never.set_result("answer")
    assert await later == "answer"
    assert answers._waiting == {}


async def test_an_answer_that_has_come_is_not_given_up() -> None:
    answers, answer = Answers(), asyncio.get_running_loop().create_future()
    asked = asyncio.create_task(waits(answers, answer))
    await asyncio.sleep(0)
    answer.set_result("answer")
    await asyncio.sleep(0)
    answers.give_up("the connection was lost")
    assert await asked == "answer"


async def test_a_limit_of_who_asks_stays_his_own() -> None:
    answers = Answers()
    with pytest.raises(TimeoutError, match="too long"):
        async with answers.awaited():
            raise TimeoutError("too long")
    assert answers._waiting == {}


def test_all_are_told_when_it_begins_again() -> None:
    answers, told = Answers(), list[str]()
    for name in "ab":
        answers.when_again(lambda name=name: told.append(name))
    answers.begin_again()
    assert told == ["a", "b"]
