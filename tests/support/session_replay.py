"""An editing session, typed by a stock Yjs client while the server is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.support.editing_session import Session
from tests.support.server_process import ServerProcess
from tests.support.yjs_node import NodeClients

LENGTH = "doc.getText('body').length"
TEXT = "doc.getText('body').toString()"
REPLAY = """
const text = doc.getText('body')
for (const [position, deleted, inserted] of args.patches) {
  if (deleted) text.delete(position, deleted)
  if (inserted) text.insert(position, inserted)
}
return text.length
"""


class Kills:
    """The moments at which a server is to be killed, as parts of a session."""

    def __init__(self, parts: Sequence[float]) -> None:
        self._parts = [*parts]
        self._due = [asyncio.Event() for _ in parts]
        self._next = 0

    def __len__(self) -> int:
        return len(self._due)

    def is_due(self, part: float) -> bool:
        """Whether the next one is, now that so much of the session has been sent."""
        return self._next < len(self._parts) and part >= self._parts[self._next]

    def strike(self) -> None:
        """It is time for the next one."""
        self._due[self._next].set()
        self._next += 1

    async def restart(self, server: ServerProcess) -> None:
        """Kill the server each time, and start it again."""
        for due in self._due:
            await due.wait()
            await server.restart()


async def replay_in_node(
    server: ServerProcess, node: NodeClients, session: Session, room: str, kills: Kills, burst_patches: int
) -> None:
    """Burst by burst: the next begins when a second client has been shown all of the last. At a kill, the
    server has shown the beginning of a burst and has yet to show its end."""
    writer, reader = [await (await node.open(server.yjs, room)).synced() for _ in range(2)]
    length = 0
    for start in range(0, len(session.patches), burst_patches):
        patches = session.patches[start : start + burst_patches]
        burst = asyncio.create_task(writer.run(REPLAY, patches=patches))
        if kills.is_due(start / len(session.patches)):
            await reader.until(f"{LENGTH} !== {length}")
            kills.strike()
        length = await burst
        await reader.until(f"{LENGTH} === {length}")
    for client in (writer, reader):
        assert await client.get(TEXT) == session.end
    assert await writer.get("closes.length") >= len(kills)
