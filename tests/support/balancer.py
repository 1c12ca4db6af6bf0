"""nginx in front of nodes, as `examples/stream/nginx.conf` has it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from protobase_live.cli.demo.ports import ReservedPorts
from tests.support.programs import find_program
from tests.support.server_process import ServerProcess

CONFIGURATION = Path(__file__).parents[2] / "examples" / "stream" / "nginx.conf"

KEPT = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""What it has folders for, which are elsewhere unless one says so."""


@asynccontextmanager
async def balanced(folder: Path, nodes: Sequence[ServerProcess]) -> AsyncIterator[str]:
    """The host and port in front of two nodes. What nginx has to say is in ``folder``."""
    program, reserved = find_program("nginx", "nginx", "nginx-light"), ReservedPorts(0, 1)
    host = f"127.0.0.1:{reserved.numbers[0]}"
    configuration = folder / "nginx.conf"
    configuration.write_text(_on_this_machine(CONFIGURATION.read_text(), folder, host, nodes))
    command = program, "-p", folder, "-c", configuration, "-e", folder / "errors"
    await _run(*command)  # it goes on behind it, and listens
    try:
        yield host
    finally:
        await _run(*command, "-s", "stop")
        reserved.close()


def _on_this_machine(text: str, folder: Path, host: str, nodes: Sequence[ServerProcess]) -> str:
    text = text.replace("listen 8080;", f"listen {host};")
    for n, node in enumerate(nodes):
        text = text.replace(f"server node-{n}:8765;", f"server 127.0.0.1:{node.port};")
    kept = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in KEPT)
    return f"pid {folder}/pid;\n" + text.replace("http {\n", f"http {{\naccess_log off;\n{kept}")


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0
