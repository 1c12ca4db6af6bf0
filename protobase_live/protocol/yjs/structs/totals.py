"""How much a document's logs hold together."""

from __future__ import annotations

from collections.abc import Mapping

from protobase_live.protocol.yjs.structs.log import Log


class Totals:
    """Sums over all clients; those whose logs have changed are counted anew, and no others."""

    __slots__ = ("_counted", "_logs", "bytes", "changed", "structs")

    def __init__(self, logs: Mapping[int, Log]) -> None:
        self._logs = logs
        self._counted: dict[int, tuple[int, int]] = {}
        self.changed: set[int] = set()
        """The clients whose logs may have changed since they were counted last."""
        self.bytes = 0
        self.structs = 0

    def count(self) -> None:
        """Count the logs that may have changed."""
        for client in self.changed:
            log, before = self._logs.get(client), self._counted.get(client, (0, 0))
            now = (0, 0) if log is None else (len(log.data), len(log))
            if now != before:
                self._counted[client] = now
                self.bytes += now[0] - before[0]
                self.structs += now[1] - before[1]
        self.changed.clear()
