"""The commands of docs/cluster.md, run as printed, on ports that are free."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from protobase_live.cli.demo.ports import ReservedPorts
from tests.house.test_readme import ROOT, TIMEOUT, environment, run, running_server

PAGE = (ROOT / "docs" / "cluster.md").read_text()
BLOCK = re.compile(r"^<!-- cluster: (\w+) -->\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = ("8771", "8772", "8773")


@pytest.fixture
def blocks() -> Iterator[dict[str, str]]:
    """The blocks of the page by name, with other ports."""
    found = dict(BLOCK.findall(PAGE))
    with ReservedPorts(0, len(PORTS)) as reserved:
        for port, free in zip(PORTS, reserved.numbers, strict=True):
            found = {name: text.replace(port, str(free)) for name, text in found.items()}
        yield found


async def test_three_nodes_by_hand(blocks: dict[str, str], tmp_path: Path):
    await _shell(blocks["secret"], tmp_path)
    async with AsyncExitStack() as nodes:
        for line in blocks["nodes"].splitlines():
            command, *options = shlex.split(line.removesuffix("&"))
            assert command == "protobase-live"
            await nodes.enter_async_context(running_server(tmp_path, tuple(options)))
        source = tmp_path / "program.py"
        source.write_text(blocks["program"])
        assert await run(source, tmp_path) == "t1 {'title': 'Write at n1'}\n"
        await _shell(blocks["verify"], tmp_path)
        await _shell(blocks["status"], tmp_path)


async def _shell(commands: str, folder: Path) -> None:
    """Run them; asserts that each succeeds."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = await asyncio.create_subprocess_exec(
        "sh", "-ec", commands, cwd=folder, env={**environment(), "PATH": path}
    )
    assert await asyncio.wait_for(shell.wait(), TIMEOUT) == 0
