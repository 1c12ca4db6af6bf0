"""How a command ends."""

import asyncio
import os
import signal

import pytest

from protobase_live.cli.loop import end_signals
from tests.protobase_live.cli.command import run, running, stop


@pytest.mark.parametrize("arguments", [("query", "tasks"), ("query", "tasks", "--live"), ("tail", "tasks")])
async def test_a_command_that_ctrl_c_breaks_off_has_not_done_its_work(arguments):
    asked = asyncio.Event()

    async def say_nothing(reader, writer):
        asked.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        command, *rest = arguments
        port = server.sockets[0].getsockname()[1]
        async with running(command, f"ws://127.0.0.1:{port}", *rest) as process:
            await asked.wait()
            ended = await stop(process, signal.SIGINT)
    assert (ended.code, ended.err) == (130, "")


async def test_an_import_that_waits_for_lines_ends_at_once(tmp_path):
    pipe = tmp_path / "lines"
    os.mkfifo(pipe)
    async with running("import", f"file:{tmp_path / 'data'}", pipe) as process:
        with await asyncio.to_thread(open, pipe, "w"):  # done when the command has opened it, too
            ended = await stop(process, signal.SIGINT)
    assert (ended.code, ended.err) == (130, "")


def test_who_is_to_outlive_its_terminal_does():
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        assert end_signals() == [signal.SIGTERM, signal.SIGHUP]
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        assert end_signals() == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("closed", "arguments", "said"),
    [
        (">&-", ("export", "memory:"), "standard output is closed; write it to /dev/null"),
        ("<&-", ("import", "memory:"), "standard input is closed; name a file"),
    ],
)
async def test_what_is_closed_is_told(closed, arguments, said):
    ended = await run(*arguments, before=("sh", "-c", f'exec "$@" {closed}', "sh"))
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith(f"error: {said}")
