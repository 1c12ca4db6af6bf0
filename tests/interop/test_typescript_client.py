"""The TypeScript client: its types, its size, and its tests against a server of this process."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import protobase_live as pb

CLIENT = Path(__file__).resolve().parents[2] / "web_demo" / "client"
SECONDS = 300.0

MOST_BYTES = 26_000
"""Minified and gzipped, with the package that it needs."""


APP = """\
import { connect, F, query } from 'protobase-live'
import { YSet } from 'protobase-live/yjs'
import { WebSocket } from 'ws'
import { Doc } from 'yjs'

const db = await connect(process.argv[2] ?? '', { webSocket: WebSocket })
await db.collection('tasks').put({ title: 'Write' }, 'a')
const [row] = await db.query(query('tasks').where(F('title').eq('Write')))
const names = new YSet(new Doc().getMap('names'))
names.add('ann')
console.log(row?.title, ...names.values())
await db.close()
"""
"""A program of somebody who has installed it."""


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


def test_the_programs_of_its_page_are_checked() -> None:
    programs = re.findall(r"```ts\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)
    checked = [(CLIENT / "tests" / f"{name}.check.ts").read_text() for name in ("readme", "editor")]
    assert programs == [each.replace("'../src/index.js'", "'protobase-live'") for each in checked]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder of somebody who has installed the package that npm is given."""
    subprocess.run(["npm", "pack", "--silent", "--pack-destination", str(tmp_path)], cwd=CLIENT, check=True)
    modules = tmp_path / "node_modules"
    with tarfile.open(next(tmp_path.glob("*.tgz"))) as files:
        files.extractall(modules, filter="data")
    (modules / "package").rename(modules / "protobase-live")
    for name in ("@msgpack", "yjs", "lib0", "ws", "@types"):
        (modules / name).symlink_to(CLIENT / "node_modules" / name)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name in ("app.ts", "app.js"):
        (tmp_path / name).write_text(APP)
    return tmp_path


async def test_its_package_works_where_it_is_installed(app: Path) -> None:
    how = "--ignoreConfig", "--strict", "--skipLibCheck", "--noEmit", "--types", "node"
    await _run("npx", "tsc", *how, "--target", "es2023", "--module", "nodenext", str(app / "app.ts"))
    async with pb.open("memory:") as database, pb.Server(database, port=0) as server:
        told = await _run("node", str(app / "app.js"), f"ws://127.0.0.1:{server.port}/live")
    assert told == "Write ann\n"


async def test_it_is_small() -> None:
    assert int(await _run("node", "tools/size.mjs")) < MOST_BYTES


async def test_it_does_what_the_vectors_say_and_a_server_expects() -> None:
    async with pb.open("memory:") as database, pb.Server(database, port=0) as server:
        told = await _run("npx", "vitest", "run", PROTOBASE_LIVE=f"ws://127.0.0.1:{server.port}/live")
    assert "failed" not in told
