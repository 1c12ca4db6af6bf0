"""Structs in causal order: each after everything that it builds on.

The order in which Yjs integrates an update (`integrateStructs`), found with a stack: a client whose next
struct lacks something waits until the client that has it was gone through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protobase_live.protocol.update_walker import SKIP, Id, Struct


class Ordering:
    """Goes through the structs of several clients; what lacks a predecessor stays behind."""

    def __init__(self, clients: Mapping[int, Iterator[Struct]], known: dict[int, int]) -> None:
        """`known` has the next clock of each client, and whoever iterates keeps it up."""
        self._queues = clients
        self._known = known
        self.heads: dict[int, Struct] = {}
        """The next struct of each client that has one, when the iteration ended."""
        self._begun: set[int] = set()
        self._stopped: dict[int, Id] = {}
        """What the next struct of a client lacked, when it was tried last: a client and its next clock."""

    def __iter__(self) -> Iterator[tuple[int, Struct]]:
        for client in self._queues:
            yield from self._through(client)

    def _head(self, client: int) -> Struct | None:
        """The next struct of a client. It is read only when it is needed: there may be very many clients."""
        if client not in self._begun and client in self._queues:
            self._begun.add(client)
            self._next(client)
        return self.heads.get(client)

    def _next(self, client: int) -> None:
        head = next(self._queues[client], None)
        if head is None:
            self.heads.pop(client, None)
        else:
            self.heads[client] = head

    def _through(self, client: int) -> Iterator[tuple[int, Struct]]:
        """The structs of `client`, as far as they go, and those of others that they need first."""
        stack = {client: None}
        while stack:
            client = next(reversed(stack))
            struct = self._head(client)
            if struct is None:
                del stack[client]
                continue
            lacking = None
            if struct.clock + struct.length > self._known.get(client, 0):
                lacking = self._lacking(client, struct)
                if lacking is None:
                    yield client, struct
            if lacking is None:
                self._next(client)
            elif lacking[0] in stack or self._is_stopped(lacking[0], stack):
                self._stopped[client] = lacking
                del stack[client]
            else:
                stack[lacking[0]] = None

    def _is_stopped(self, client: int, stack: Mapping[int, None]) -> bool:
        """Whether a client has no struct that could come now, unless those in `stack` go on."""
        seen = set[int]()
        while self._head(client) is not None and client not in stack and client not in seen:
            lacking = self._stopped.get(client)
            if lacking is None or self._known.get(lacking[0], 0) >= lacking[1]:
                return False
            seen.add(client)
            client = lacking[0]
        return True

    def _lacking(self, client: int, struct: Struct) -> Id | None:
        """The client that has what a struct lacks, and the clock it must have come to."""
        known = self._known
        if struct.clock > known.get(client, 0):
            return client, struct.clock
        if struct.info == SKIP:
            return client, struct.clock + struct.length
        for other in (struct.origin, struct.right, struct.parent):
            if isinstance(other, tuple) and other[1] >= known.get(other[0], 0):
                return other[0], other[1] + 1
        return None

    @property
    def waits(self) -> dict[int, int]:
        """What has to be known before any of the rest can go on: clocks by client."""
        waits: dict[int, int] = {}
        for client in self.heads:
            other, clock = self._stopped[client]
            waits[other] = min(clock, waits.get(other, clock))
        return waits
