"""A process that cannot be started."""

from __future__ import annotations

import os

import pytest

from protobase_live.workers.process import WorkerProcess


async def test_what_cannot_be_started_leaves_nothing_open() -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            await WorkerProcess.start(("/nowhere/to/be/found",), 1_024)
    assert os.listdir("/proc/self/fd") == before
