"""What came in since some moment."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping

from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.delete_set import DeleteSet, Gone
from protobase_live.protocol.yjs.ranges import STEP_RANGES
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.structs.writing import EMPTY_UPDATE, NO_DELETES, encode_update


class News:
    """The clocks from which on each client's structs are new, and what was newly deleted."""

    __slots__ = ("deleted", "sole", "starts")

    def __init__(self) -> None:
        self.starts: dict[int, int] = {}
        self.deleted: dict[int, list[tuple[int, int]]] = {}
        """Ranges of each client, none twice, in the order in which they were deleted."""
        self.sole: bytes | None = None
        """The one update that says it all, where one does: a turn is often a single keystroke. Whoever adds
        anything sets it back to None."""

    def __bool__(self) -> bool:
        return bool(self.starts or self.deleted)

    def encode(self, logs: Mapping[int, Log]) -> bytes:
        """It all as one update, `EMPTY_UPDATE` if there is nothing."""
        return at_once(self.encode_in_steps(logs))

    def encode_in_steps(self, logs: Mapping[int, Log]) -> Generator[None, None, bytes]:
        """`encode` with pauses, in which nothing may be added."""
        if self.sole is not None:
            return self.sole
        if not self:
            return EMPTY_UPDATE
        runs = [(client, start, *logs[client].encode(start)) for client, start in self.starts.items()]
        return encode_update(runs, (yield from self._encode_deletes_in_steps()))

    def encode_deletes(self) -> bytes:
        """What was deleted, as a delete set."""
        return at_once(self._encode_deletes_in_steps())

    def _encode_deletes_in_steps(self) -> Generator[None, None, bytes]:
        """It is put in order here, which is less work than each time."""
        if not self.deleted:
            return NO_DELETES
        deletes = DeleteSet()
        for number, (client, start, end) in enumerate(self.deleted_ranges(), 1):
            deletes.add(client, start, end)
            if number % STEP_RANGES == 0:
                yield
        return (yield from deletes.encode_in_steps())

    def deleted_ranges(self) -> Iterator[Gone]:
        """What was deleted, of each client in order."""
        return ((client, *each) for client, ranges in self.deleted.items() for each in sorted(ranges))

    @property
    def range_count(self) -> int:
        """In how many ranges it was deleted."""
        return sum(map(len, self.deleted.values()))

    def size(self, logs: Mapping[int, Log]) -> int:
        """About how many bytes the structs take."""
        return sum(logs[client].size(start) for client, start in self.starts.items())

    def clear(self) -> None:
        """Begin anew."""
        self.sole = None
        self.starts.clear()
        self.deleted.clear()
