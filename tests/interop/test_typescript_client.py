"""The TypeScript client: its types, its size, and its tests against a server of this process."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import protobase_live as pb

CLIENT = Path(__file__).resolve().parents[2] / "web_demo" / "client"
SECONDS = 300.0

MOST_BYTES = 25_000
"""Minified and gzipped, with the package that it needs."""


async def _run(*command: str, **variables: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=CLIENT,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        told = (await process.communicate())[0].decode()
    assert process.returncode == 0, told
    return told


async def test_its_types_fit() -> None:
    await _run("npx", "tsc", "--noEmit")


def test_the_program_of_its_page_is_checked() -> None:
    page = (CLIENT / "README.md").read_text()
    program = page.partition("```ts\n")[2].partition("```")[0]
    checked = (CLIENT / "tests" / "readme.check.ts").read_text()
    assert program == checked.replace("'../src/index.js'", "'protobase-live'")


async def test_it_is_small() -> None:
    assert int(await _run("node", "tools/size.mjs")) < MOST_BYTES


async def test_it_does_what_the_vectors_say_and_a_server_expects() -> None:
    async with pb.open("memory:") as database, pb.Server(database, port=0) as server:
        told = await _run("npx", "vitest", "run", PROTOBASE_LIVE=f"ws://127.0.0.1:{server.port}/live")
    assert "failed" not in told
