"""What a node of the demo tells its director of its commits: a sample of them, a line each."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from protobase_live.collection.gates import Passage
from protobase_live.model.names import is_listed
from protobase_storage import Commit, node_of

COMMITS_PER_SECOND = 50
"""Commits that are told of; the others of that second are not."""

UNSENT_COMMITS = 200
"""Commits that wait to be told; then the oldest is forgotten."""


class Telling:
    """Keeps what is to be told until it is."""

    def __init__(self, name: str, now: Callable[[], float] = monotonic) -> None:
        """``name`` is what the demo calls this node; ``now`` gives seconds."""
        self._name = name
        self._now = now
        self._second = -1
        self._told = 0
        """In this second."""
        self._unsent: deque[bytes] = deque(maxlen=UNSENT_COMMITS)
        self._more = asyncio.Event()

    def shown(self, node: str, commits: Sequence[Commit], passage: Passage) -> None:
        """This node, which others call ``node``, has shown commits; those that it has made are told."""
        for commit in commits:
            is_told = node_of(commit.origin) == node and is_listed(commit.collection, "")
            if is_told and self._is_sampled():
                self._unsent.append(json.dumps(self._form(commit, passage)).encode() + b"\n")
                self._more.set()

    def take(self) -> bytes:
        """What is to be told now, line by line."""
        lines = b"".join(self._unsent)
        self._unsent.clear()
        self._more.clear()
        return lines

    async def tell(self) -> None:
        """Write it to standard output, for ever; while that takes nothing, only so many commits wait."""
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)  # the transport closes it
        transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, pipe)
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        while True:
            await self._more.wait()
            writer.write(self.take())
            await writer.drain()

    def _is_sampled(self) -> bool:
        if (second := int(self._now())) != self._second:
            self._second, self._told = second, 0
        self._told += 1
        return self._told <= COMMITS_PER_SECOND

    def _form(self, commit: Commit, passage: Passage) -> dict[str, Any]:
        return {
            "node": self._name,
            "collection": commit.collection,
            "origin": self._name,
            "sequence": commit.sequence,
            "bytes": len(commit.update),
            "author": next((part.author for part in commit.parts if part.author is not None), None),
            "micros": {gate: int(1e6 * seconds) for gate, seconds in passage._asdict().items()},
        }
