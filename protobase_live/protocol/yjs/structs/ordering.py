"""Structs in causal order: each after everything that it builds on.

The order in which Yjs integrates an update (`integrateStructs`), found with a stack: a client whose next
struct lacks something waits until the client that has it was gone through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from protobase_live.protocol.yjs.struct import SKIP, Id, Struct

RUN_STRUCTS = 500
"""Most structs that are given at once."""


class Ordering:
    """Goes through the structs of several clients, in runs of one client's; what lacks a predecessor stays
    behind."""

    def __init__(self, clients: Mapping[int, Iterator[Struct]], known: Mapping[int, int]) -> None:
        """`known` has the next clock of each client, and whoever iterates keeps it up."""
        self._queues = clients
        self._known = known
        self.heads: dict[int, Struct] = {}
        """The next struct of each client that has one, when the iteration ended."""
        self._begun: set[int] = set()
        self._stopped: dict[int, Id] = {}
        """What the next struct of a client lacked, when it was tried last: a client and its next clock."""
        self._stuck: set[int] = set()
        """Clients that cannot go on before any other has: nobody's chain is gone through twice for that."""
        self._tried = 0

    def __iter__(self) -> Iterator[tuple[int, list[Struct]]]:
        """Runs of structs, each with its client. Some are empty: pauses, where many clients are stopped."""
        for client in self._queues:
            yield from self._through(client)

    def _head(self, client: int) -> Struct | None:
        """The next struct of a client. It is read only when it is needed: there may be very many clients."""
        if client not in self._begun and client in self._queues:
            self._begun.add(client)
            head = next(self._queues[client], None)
            if head is not None:
                self.heads[client] = head
        return self.heads.get(client)

    def _through(self, client: int) -> Iterator[tuple[int, list[Struct]]]:
        """The structs of `client`, as far as they go, and those of others that they need first."""
        stack = {client: None}
        while stack:
            client = next(reversed(stack))
            run, lacking = self._run(client)
            self._tried += 1
            if run or self._tried % RUN_STRUCTS == 0:
                yield client, run
            if run:
                self._stuck.clear()
            if lacking is None:
                if client not in self.heads:
                    del stack[client]
            elif lacking[0] in stack or self._is_stopped(lacking[0], stack):
                self._stopped[client] = lacking
                del stack[client]
            else:
                stack[lacking[0]] = None

    def _run(self, client: int) -> tuple[list[Struct], Id | None]:
        """The new structs of a client that can come now, and what keeps the next one from that."""
        run: list[Struct] = []
        head = self._head(client)
        if head is None:
            return run, None
        queue, known, reached = self._queues[client], self._known, self._known.get(client, 0)
        lacking = None
        while head is not None and len(run) < RUN_STRUCTS:
            clock, length, info, origin, right, parent, *_ = head
            if clock + length > reached:
                if clock > reached:
                    lacking = client, clock
                elif info == SKIP:
                    lacking = client, clock + length
                elif origin is not None and not _has(known, origin, client, reached):
                    lacking = origin[0], origin[1] + 1
                elif right is not None and not _has(known, right, client, reached):
                    lacking = right[0], right[1] + 1
                elif isinstance(parent, tuple) and not _has(known, parent, client, reached):
                    lacking = parent[0], parent[1] + 1
                if lacking is not None:
                    break
                run.append(head)
                reached = clock + length
            head = next(queue, None)
        if head is None:
            del self.heads[client]
        else:
            self.heads[client] = head
        return run, lacking

    def _is_stopped(self, client: int, stack: Mapping[int, None]) -> bool:
        """Whether a client has no struct that could come now, unless those in `stack` go on."""
        seen = set[int]()
        while self._head(client) is not None:
            if client in stack or client in seen or client in self._stuck:
                break
            lacking = self._stopped.get(client)
            if lacking is None or self._known.get(lacking[0], 0) >= lacking[1]:
                return False
            seen.add(client)
            client = lacking[0]
        self._stuck |= seen
        return True

    @property
    def waits(self) -> dict[int, int]:
        """What has to be known before any of the rest can go on: clocks by client."""
        waits: dict[int, int] = {}
        for client in self.heads:
            other, clock = self._stopped[client]
            waits[other] = min(clock, waits.get(other, clock))
        return waits


def _has(known: Mapping[int, int], id: Id, client: int, reached: int) -> bool:
    """Whether a struct is known, if those of `client` are up to clock `reached`."""
    return id[1] < (reached if id[0] == client else known.get(id[0], 0))
