"""File descriptors that run out are told once, and `serve` takes all that it may have."""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
from unittest.mock import Mock

import pytest

from protobase_actors import ManualClock
from protobase_live.cli.descriptors import TELL_SECONDS, Starvation, allow_descriptors

FULL = {"message": "socket.accept() out of system resource", "socket": object()}


@pytest.fixture
def loop() -> Mock:
    return Mock(spec=asyncio.AbstractEventLoop)


async def test_a_flood_is_told_once_in_a_while(loop, caplog) -> None:
    clock = ManualClock()
    handler = Starvation(clock)
    for _ in range(3):
        handler(loop, {**FULL, "exception": OSError(errno.EMFILE, "Too many open files")})
    await clock.advance(TELL_SECONDS)
    handler(loop, {**FULL, "exception": OSError(errno.EMFILE, "Too many open files")})
    line = "no connection can be accepted for now: [Errno 24] Too many open files; those that are open go on"
    assert [record.getMessage() for record in caplog.records] == [line, line]
    loop.default_exception_handler.assert_not_called()


async def test_all_else_is_told_as_ever(loop) -> None:
    handler = Starvation(ManualClock())
    for context in ({"message": "x"}, {**FULL, "exception": OSError(errno.EPIPE, "gone")}):
        handler(loop, context)
        loop.default_exception_handler.assert_called_with(context)


@pytest.mark.parametrize(
    ("limits", "sessions", "warned"), [((1024, 4096), 4032, False), ((100, 100), 4032, True)]
)
def test_the_soft_limit_becomes_the_hard_one(limits, sessions, warned, monkeypatch, caplog) -> None:
    caplog.set_level(logging.WARNING)
    chosen = []
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda what, both: chosen.append(both))
    allow_descriptors(sessions)
    assert chosen == [(4096, 4096)] * (limits[0] != limits[1])
    assert [record.getMessage() for record in caplog.records] == warned * [
        "100 file descriptors (ulimit -Hn) are too few for 4032 sessions (sessions): about 36 can be open; "
        "allow 4096, or say --limit sessions=36"
    ]
