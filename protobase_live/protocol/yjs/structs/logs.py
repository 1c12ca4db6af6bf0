"""The structs of all clients of a document, what is deleted, and what can be looked up by id."""

from __future__ import annotations

from protobase_live.protocol.yjs.delete_set import DeleteSet
from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import Id
from protobase_live.protocol.yjs.structs.log import GONE, Log, Place


class Logs:
    """A log for each client. Parents and keys are numbered, so that an index of them stays small."""

    def __init__(self) -> None:
        self.by_client: dict[int, Log] = {}
        self.deletes = DeleteSet()
        self._clients: list[int] = []
        self._roots: dict[str, int] = {}
        self._root_names: list[str] = []

    def of(self, client: int) -> Log:
        """The log of a client, made if it has none."""
        log = self.by_client.get(client)
        if log is None:
            log = self.by_client[client] = Log(client, len(self._clients))
            self._clients.append(client)
        return log

    @property
    def root_count(self) -> int:
        """How many roots have a number."""
        return len(self._roots)

    def forget_unused(self, roots: int) -> None:
        """Forget the logs that nothing is in, all made last, and the roots after the first `roots`.

        What was taken back must not leave anything behind, or it could be sent until memory is full.
        """
        while self._clients and not len(self.by_client[self._clients[-1]]):
            del self.by_client[self._clients.pop()]
        while len(self._roots) > roots:
            del self._roots[self._root_names.pop()]

    def knows(self, id: Id) -> bool:
        """Whether there is a struct that has an id."""
        log = self.by_client.get(id[0])
        return log is not None and id[1] < log.end

    def look_up(self, id: Id) -> tuple[Log, int]:
        """The log that has a known struct, and its number there."""
        log = self.by_client[id[0]]
        return log, log.find(id[1])

    def place(self, id: Id) -> Place:
        """Where a known struct is."""
        log, number = self.look_up(id)
        return log.place(number)

    def root_number(self, name: str) -> int:
        """The number of a root as a parent."""
        number = self._roots.get(name)
        if number is None:
            self._root_names.append(name)
            number = self._roots[name] = -len(self._root_names)
        return number

    def parent(self, number: int) -> Id | str | None:
        """The shared type or the root with a number; None for `GONE`."""
        if number == GONE:
            return None
        return self.type_id(number) if number >= 0 else self._root_names[-number - 1]

    def type_number(self, id: Id) -> int:
        """The number of a shared type as a parent."""
        return self.by_client[id[0]].index << 32 | id[1]

    def type_id(self, number: int) -> Id:
        """The id of the shared type with a number."""
        return self._clients[number >> 32], number & 0xFFFFFFFF

    def depth(self, number: int, limit: int) -> int:
        """Inside how many shared types a parent is; what is above `limit` is not counted."""
        depth = 0
        while number >= 0 and depth <= limit:
            number = self.place(self.type_id(number)).parent
            depth += 1
        return depth

    @staticmethod
    def key_number(key: str) -> int:
        """The number of a key: its hash, never 0.

        Two keys that share one are taken for the same where the places of two structs are compared: a forged
        struct may pass for that. Nothing is stored by this number.
        """
        return hash(key) & 0x7FFFFFFE | 1

    def is_deleted(self, number: int) -> bool:
        """Whether the shared type with a number is deleted."""
        client, clock = self.type_id(number)
        deleted = self.deletes.by_client.get(client)
        return deleted is not None and clock in deleted

    def delete_entry(self, root: str, key: str) -> None:
        """Delete all that stands under a key of a root map. What is inside is orphaned (see `compaction`)."""
        place = Place(self.root_number(root), self.key_number(key))
        for client, log in self.by_client.items():
            gone = Ranges()
            for number in range(len(log)):
                if log.place(number) == place and self._stands_under(log, number, key):
                    gone.add(log.starts[number], log.end_of(number))
            self.deletes.merge(client, gone)

    def _stands_under(self, log: Log, number: int, key: str) -> bool:
        """Whether it is this very key: its number is a hash, which others may share."""
        struct = log.read(number)
        while struct.sub is None:
            neighbour = struct.origin or struct.right
            if neighbour is None:
                return False
            found, number = self.look_up(neighbour)
            struct = found.read(number)
        return struct.sub == key
