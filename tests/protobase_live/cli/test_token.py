"""Tokens from the command line, and the server that takes them."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from websockets.asyncio.client import connect as connect_websocket

import protobase_live as pb
from tests.protobase_live.cli.command import line, run, running, stop

READY = re.compile(r"listening on http://(127\.0\.0\.1:\d+)\n")


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """A file with one."""
    path = tmp_path / "secret"
    path.write_text("0123456789abcdef0123456789abcdef")
    return str(path)


async def test_who_has_a_token_is_let_in_at_every_door(secret: str) -> None:
    signed = "--keys", secret, "--algorithm", "HS256"
    token = (await run("token", "ann", *signed))[1].strip()
    reader = (await run("token", "bob", *signed, "--read-only"))[1].strip()
    how = "--jwt-keys", secret, "--jwt-algorithm", "HS256", "--log-level", "debug"
    async with running("serve", "--storage", "memory:", "--listen", "127.0.0.1:0", *how) as server:
        found = READY.fullmatch(await line(server))
        assert found
        host = found[1]
        async with pb.connect(f"ws://{host}/live", token=token) as db:
            tasks = await db.collection("tasks")
            async with tasks.changes() as changes:
                await tasks.put({"n": 1}, key="k")
                async for change in changes:
                    assert change.author == "ann"
                    break
        async with pb.connect(f"ws://{host}/live", token=reader) as db:
            assert [each.name for each in await db.collections()] == ["tasks"]
            with pytest.raises(pb.Forbidden):
                await db.drop("tasks")
        for refused in (None, token[:-3] + "abc"):
            with pytest.raises(pb.Unauthorized):
                async with pb.connect(f"ws://{host}/live", token=refused) as db:
                    await db.collections()
        async with connect_websocket(f"ws://{host}/yjs/tasks?token={reader}") as raw:
            assert await raw.recv()
        async with connect_websocket(f"ws://{host}/yjs/tasks?token=wrong") as raw:
            await raw.wait_closed()
            assert raw.close_code == 4401
        code, out, log = await stop(server, signal.SIGTERM)
    assert code == 0
    for each in (token, reader, token.rpartition(".")[2]):
        assert each not in out + log, "a token never comes into the log"


async def test_other_machines_are_let_in_only_when_that_is_said() -> None:
    code, _, told = await run("serve", "--storage", "memory:", "--listen", "0.0.0.0:0")
    assert code == 1
    assert "lets in everybody who can reach it: say with --jwt-keys FILE" in told
    async with running("serve", "--storage", "memory:", "--listen", "0.0.0.0:0", "--insecure") as server:
        assert (await line(server)).startswith("listening on ")
        code, _, told = await stop(server, signal.SIGTERM)
    assert "may read and write everything (--insecure)" in told


async def test_a_key_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    code, _, told = await run("token", "ann", "--keys", str(missing), "--algorithm", "HS256")
    assert (code, told.count("\n")) == (1, 1)
    assert "No such file" in told
    code, _, told = await run("serve", "--storage", "memory:", "--jwt-keys", str(missing))
    assert code == 1
    assert "name the algorithms of tokens explicitly" in told


@pytest.mark.parametrize("seconds", ["inf", "1e300"])
async def test_a_token_ends_at_some_time(secret: str, seconds: str) -> None:
    ended = await run("token", "ann", "--keys", secret, "--algorithm", "HS256", "--seconds", seconds)
    assert (ended.code, ended.err.count("\n")) == (1, 1)
    assert "a token is good for 1 to " in ended.err
