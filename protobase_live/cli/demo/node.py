"""One node of the demo, as a process of its own that ends with whoever has started it.

``python -m protobase_live.cli.demo.node`` reads how it is to run as one line of JSON, and ends at the end of
its standard input. It prints ``ready``, and then each commit that it tells of as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from protobase_live.cli.demo.telling import Telling
from protobase_live.cli.loop import run, stop_requested
from protobase_live.cli.serve import listening
from protobase_live.database.database import Database
from protobase_live.database.opening import open_storage

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class DemoNode:
    """How a node is to run."""

    name: str
    storage: str
    port: int
    peers: Sequence[str]
    secret: str

    @property
    def url(self) -> str:
        """Where it is."""
        return f"ws://{HOST}:{self.port}"


async def _serve() -> None:
    logging.getLogger("protobase_live").setLevel(logging.ERROR)  # that others are not there yet is no news
    stop, told = stop_requested(), asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(told)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    node = DemoNode(**json.loads(await told.readline()))
    # A storage that is empty after each start is another node each time.
    node_id = None if node.storage.startswith("memory:") else node.name
    telling = Telling(node.name)
    async with (
        Database(await open_storage(node.storage), node_id=node_id) as database,
        listening(
            database,
            HOST,
            node.port,
            authenticate=lambda token: token,
            peers=node.peers,
            cluster_secret=node.secret.encode(),
        ),
    ):
        database.gates.listen(partial(telling.shown, database.node))
        print("ready", flush=True)
        ends = [asyncio.ensure_future(each) for each in (stop.wait(), told.read(), telling.tell())]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for each in ends:
            each.cancel()


if __name__ == "__main__":
    run(_serve())
