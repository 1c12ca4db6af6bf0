"""Servers as processes of their own that are the nodes of a cluster, linked through proxies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import permutations
from pathlib import Path

from protobase_live.client.remote_database import RemoteDatabase
from tests.support.server_process import SERVE, ServerProcess
from tests.support.tcp_proxy import TcpProxy

WAIT_SECONDS = 30.0
"""Longest wait for nodes to agree."""
POLL_SECONDS = 0.02
SECRET = "a secret of sixteen bytes or more"


async def nobody_lacks_anything(db: RemoteDatabase, links: int) -> None:
    """Wait until the node that a client is at has told all others everything, and knows who is where.

    It learns that by dialing: who has dialed it first is linked, and its address may be nobody's yet.
    """
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            status = await db.cluster_status()
            up = [link for link in status.links if link.up]
            everybody_is_met = len(up) == links and all(link.node for link in status.links)
            if everybody_is_met and not any(link.lacking_commits for link in up):
                return
            await asyncio.sleep(POLL_SECONDS)


class ServerNodes:
    """So many nodes below a folder, each of which dials all others; an async context manager.

    ``options`` are more of ``protobase-live serve``, for all of them.
    """

    def __init__(self, folder: Path, count: int = 3, options: Sequence[str] = ()) -> None:
        self._folder = folder
        self._options = options
        self._numbers = range(count)
        self._stack = AsyncExitStack()
        self.nodes: list[ServerProcess] = []
        self.proxies: dict[tuple[int, int], TcpProxy] = {}
        """By who dials and who is dialed."""

    async def __aenter__(self) -> ServerNodes:
        secret = self._folder / "secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        for pair in permutations(self._numbers, 2):
            self.proxies[pair] = await self._stack.enter_async_context(TcpProxy())
        for number in self._numbers:
            node = ServerProcess(self._folder / f"n{number}", self._command(number, secret))
            self.nodes.append(await self._stack.enter_async_context(node))
            for (_, dialed), proxy in self.proxies.items():
                if dialed == number:
                    proxy.target = node.port
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def between(self, one: int, other: int) -> list[TcpProxy]:
        """Those that the link of two nodes may go through."""
        return [self.proxies[one, other], self.proxies[other, one]]

    def mute(self, one: int, other: int) -> None:
        """What one of two nodes says to the other vanishes; it hears the other all the same."""
        self.proxies[one, other].forth.lose()
        self.proxies[other, one].back.lose()

    def _command(self, number: int, secret: Path) -> list[str]:
        command = [*SERVE, "--node-id", f"n{number}", "--cluster-secret-file", str(secret)]
        for (dialer, _), proxy in self.proxies.items():
            if dialer == number:
                command += ["--peer", f"ws://127.0.0.1:{proxy.port}/peer"]
        return [*command, *self._options]
