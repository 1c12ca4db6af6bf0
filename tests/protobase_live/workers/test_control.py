"""What a supervisor says is done, whatever became of what it said before."""

from __future__ import annotations

import logging
import socket
from typing import Any

import pytest

from protobase_live.workers.control import Control


async def test_what_cannot_be_done_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    ours, theirs = socket.socketpair()
    supervisor, worker = await Control.over(ours), await Control.over(theirs)
    done: list[tuple[str, Any]] = []

    async def do(what: str, value: Any) -> None:
        if value == "broken":
            raise ValueError("no figures")
        done.append((what, value))

    supervisor.say(revoke="ann")
    supervisor.say(tell_figures="broken", known="digests")
    supervisor.say(revoke="bob")
    supervisor.close()
    with caplog.at_level(logging.ERROR):
        await worker.obey(do)
    worker.close()
    assert done == [("revoke", "ann"), ("known", "digests"), ("revoke", "bob")]
    (line,) = caplog.messages
    assert line.startswith("what the supervisor says (tell_figures) cannot be done: ")
