"""The decisions about one client, while what is allowed changes."""

from __future__ import annotations

import asyncio

from protobase_actors import SystemClock
from protobase_live import Identity
from protobase_live.server.permissions import Permissions


async def test_an_answer_is_that_of_when_it_is_given():
    answers, asked = [True, False], asyncio.Event()

    async def authorize(identity: Identity, action: str, collection: str) -> bool:
        answer = answers.pop(0)
        if answer:
            await asked.wait()
        return answer

    permissions = Permissions(SystemClock(), authorize=authorize)
    authority = permissions.session(Identity("ann"))
    close = authority.open((), lambda: asyncio.sleep(0))
    asking = asyncio.ensure_future(authority.may("presence", "red"))
    await asyncio.sleep(0)
    await permissions.recheck()
    asked.set()
    assert not await asking
    assert answers == []
    close()
