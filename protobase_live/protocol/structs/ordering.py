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
        self.waits: dict[int, int] = {}
        """What has to be known before any of it can go on: clocks by client."""

    def __iter__(self) -> Iterator[tuple[int, Struct]]:
        for client, queue in self._queues.items():
            self._next(client, queue)
        for client in self._queues:
            yield from self._through(client)

    def _next(self, client: int, queue: Iterator[Struct]) -> None:
        head = next(queue, None)
        if head is None:
            self.heads.pop(client, None)
        else:
            self.heads[client] = head

    def _through(self, client: int) -> Iterator[tuple[int, Struct]]:
        """The structs of `client`, as far as they go, and those of others that they need first."""
        stack, stopped = [client], set[int]()
        known, heads = self._known, self.heads
        while stack:
            client = stack[-1]
            struct = heads.get(client)
            if struct is None or client in stopped:
                stack.pop()
                continue
            lacking = None
            if struct.clock + struct.length > known.get(client, 0):
                lacking = self._lacking(client, struct)
                if lacking is None:
                    yield client, struct
            if lacking is None:
                self._next(client, self._queues[client])
            elif lacking[0] in heads and lacking[0] not in stopped and lacking[0] not in stack:
                stack.append(lacking[0])
            else:
                self._wait(*lacking)
                stopped.add(client)
                stack.pop()

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

    def _wait(self, client: int, clock: int) -> None:
        self.waits[client] = min(clock, self.waits.get(client, clock))
