"""How much a document's logs hold together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protobase_live.protocol.structs.log import Log


class Totals:
    """Sums over all clients; those whose logs have changed are counted anew, and no others."""

    __slots__ = ("_counted", "_logs", "bytes", "structs")

    def __init__(self, logs: Mapping[int, Log]) -> None:
        self._logs = logs
        self._counted: dict[int, tuple[int, int]] = {}
        self.bytes = 0
        self.structs = 0

    def count(self, clients: Iterable[int]) -> None:
        """The logs of these clients may have changed since they were counted last."""
        for client in clients:
            log = self._logs[client]
            now, before = (len(log.data), len(log)), self._counted.get(client, (0, 0))
            if now != before:
                self._counted[client] = now
                self.bytes += now[0] - before[0]
                self.structs += now[1] - before[1]
