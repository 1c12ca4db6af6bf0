"""A view: the result of one query, maintained by what changes and shared by all who watch it.

Its watchers pull: a recent past of deltas is kept once, each watcher knows its own position in it, and
whatever it has missed is folded into one difference. One that is too far behind is given a snapshot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from sortedcontainers import SortedList

from protobase_actors import WakeUp
from protobase_live.errors import ProtoBaseError
from protobase_live.live.holding import Holding
from protobase_live.live.untold import Untold, folded
from protobase_live.live.view_cursor import (
    Steps,
    Vectors,
    decode_cursor,
    encode_cursor,
    has_all,
    has_none,
)
from protobase_live.query.engine.effort import begin_step
from protobase_live.query.engine.operator import (
    Changes,
    Delta,
    Identity,
    Item,
    Operator,
    RecordChange,
    Row,
    place,
)
from protobase_live.query.language.query import Query
from protobase_live.query.result.diff import Diff, Place, inserts, positioned
from protobase_storage import Vector, includes


class _Past(NamedTuple):
    """One delta, and what was shown that caused it."""

    delta: Delta
    causes: Steps


class View:
    """One query's rows. It is filled first (`fill`, then `open`), and from then on shown what changes."""

    def __init__(
        self,
        query: Query,
        tree: Operator,
        vectors: Callable[[], Vectors],
        *,
        retained: int,
        holding: Holding,
    ) -> None:
        """``vectors`` tells how far the collections are; ``retained`` counts changes that are kept for
        watchers that are behind; ``holding`` counts what the view holds.
        """
        self.query = query
        self.watchers = 0
        self.failure: ProtoBaseError | None = None
        self.wake_up = WakeUp()
        self._tree = tree
        self._vectors = vectors
        self._retained = retained
        self._counted = holding
        self._items: dict[Identity, Item] = {}
        self._places: SortedList[Place] = SortedList()
        self._past: deque[_Past] = deque()
        self._start = 0
        self._held = 0
        self._base: dict[str, Vector] = {}
        self._waiting: dict[str, dict[str, RecordChange]] | None = {}
        self._untold: Untold | None = None
        self._told: tuple[int, int, Diff] | None = None
        self._tree.hold_back()
        self.fill({})  # what there is without any record: a count of none

    # in

    def fill(self, changes: Changes) -> None:
        """Take in some of the records that there were at the beginning, as inserts."""
        self._absorb(self._push(changes))

    def settle(self) -> Iterator[None]:
        """Take in what the records come to that is not made anew with each of them: groups; with pauses."""
        while self._tree.let_go():
            self.fill({})
            yield

    @property
    def waiting(self) -> int:
        """How many records changed since it is being filled and are not taken in, at most of a collection."""
        return max(map(len, (self._waiting or {}).values()), default=0)

    def catch_up(self, most: int) -> None:
        """Take in ``most`` of these of each collection."""
        for name, each in (self._waiting or {}).items():
            self._absorb(self._push({name: [each.pop(key) for key in list(islice(each, most))]}))

    def open(self) -> None:
        """All records were taken in: catch up with what changed meanwhile."""
        for _ in self.settle():
            pass
        waiting, self._waiting = self._waiting, None
        if waiting:
            self._absorb(self._push({name: list(each.values()) for name, each in waiting.items()}))
        self._base = dict(self._vectors())

    def show(self, changes: Mapping[str, list[RecordChange]], causes: Steps) -> None:
        """Something changed, all of it at once; ``causes`` is what was shown."""
        self.take(changes)
        self.tell(causes)

    def take(self, changes: Mapping[str, list[RecordChange]]) -> int:
        """Take in a part of what changed, and tell nobody before `tell`; how many rows that changed."""
        if self._untold is None:
            self._untold = Untold(self._retained)
        if self._waiting is not None:
            for name, each in changes.items():
                _fold(self._waiting.setdefault(name, {}), each)
            self._untold.forget()  # if it opens before `tell`, nobody knows this part
            return 0
        delta = self._push(changes)
        self._absorb(delta)
        self._untold.add(delta)
        return len(delta)

    def tell(self, causes: Steps) -> None:
        """All that was taken in belongs together and is complete."""
        untold, self._untold = self._untold, None
        if untold is None or self._waiting is not None:
            return
        delta = untold.delta
        if delta is None:
            self._forget_past(causes)
        elif delta:
            self._remember(_Past(delta, causes))
        if delta or untold.forgotten or untold.asked_for:
            self.wake_up.wake()

    def is_whole(self) -> bool:
        """Whether nothing was taken in that is not told. Who asks, and waits for news, is told when it is."""
        if self._untold is not None:
            self._untold.asked_for = True
        return self._untold is None

    def _remember(self, past: _Past) -> None:
        self._past.append(past)
        self._held += len(past.delta)
        while self._held > self._retained:
            oldest = self._past.popleft()
            self._start += 1
            self._held -= len(oldest.delta)
            self._base.update(_ends(oldest.causes))

    def _forget_past(self, causes: Steps) -> None:
        """More has changed than is kept: all watchers are given a snapshot."""
        for each in self._past:
            self._base.update(_ends(each.causes))
        self._base.update(_ends(causes))
        self._start += len(self._past) + 1
        self._past.clear()
        self._held = 0

    def fail(self, error: ProtoBaseError) -> None:
        """The view is no longer maintained: its watchers are told ``error``."""
        self.failure = self.failure or error
        self.wake_up.wake()

    def _push(self, changes: Changes) -> Delta:
        begin_step(self._counted.budget())
        return self._tree.push(changes)

    def release(self) -> None:
        """Count its rows no more: it is about to be let go. Harmless when that was done."""
        self._counted.release()

    def _absorb(self, delta: Delta) -> None:
        for before, after in delta:
            if before is not None:
                self._places.remove(place(before))
                del self._items[before[0]]
            if after is not None:
                self._places.add(place(after))
                self._items[after[0]] = after
        self._counted.take(delta)

    # out

    @property
    def bytes(self) -> int:
        """What they hold beyond what was read: computed texts, collected values."""
        return self._counted.bytes

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._items)

    @property
    def end(self) -> int:
        """The position of a watcher that has seen everything."""
        return self._start + len(self._past)

    def position(self, seen: Vectors) -> int | None:
        """The position of a watcher that has seen this much; None if that is not known here."""
        if not _has_been_at(seen, self._base, self._vectors()):
            return None
        past = iter(self._past)
        for count, each in enumerate(past):
            if not has_all(seen, each.causes):
                # Of what comes later here, too: another node may have shown things in another order.
                is_here = all(has_none(seen, later.causes) for later in (each, *past))
                return self._start + count if is_here else None
        return self.end

    def seen(self, cursor: str) -> Vectors | None:
        """What ``cursor`` says was seen of the collections; None if it is another query's.

        Raises ValidationError if it is no cursor.
        """
        return decode_cursor(self.query.canonical, cursor)

    def since(self, position: int | None) -> Diff:
        """What a watcher at ``position`` has missed; if that is too much, or None: a snapshot."""
        if position is None or self.is_forgotten(position):
            rows, cursor = self.snapshot()
            return Diff(inserts(rows), True, cursor)
        if self._told is None or self._told[:2] != (position, self.end):
            self._told = (position, self.end, self._missed(position))
        return self._told[2]

    def is_forgotten(self, position: int) -> bool:
        """Whether it is no longer known what a watcher at ``position`` has missed."""
        return position < self._start

    def snapshot(self) -> tuple[list[Row], str]:
        """All rows in their order, which are never changed in place, and the cursor that belongs to them."""
        return [self._items[identity][2] for _, identity in self._places], self._cursor()

    def _missed(self, position: int) -> Diff:
        delta = folded(each.delta for each in islice(self._past, position - self._start, None))
        return Diff(positioned(self._places, delta), False, self._cursor())

    def _cursor(self) -> str:
        return encode_cursor(self.query.canonical, self._vectors())


def _has_been_at(seen: Vectors, base: Vectors, now: Vectors) -> bool:
    """Whether the collections have been where ``seen`` is since they were where ``base`` is."""
    return (
        _reaches(seen, base)
        and _reaches(now, seen)
        and all(
            base[name].get(origin) == sequence or origin in now[name]
            for name, vector in seen.items()
            for origin, sequence in vector.items()
        )
    )


def _reaches(vectors: Vectors, others: Vectors) -> bool:
    return all(name in vectors and includes(vectors[name], vector) for name, vector in others.items())


def _ends(causes: Steps) -> Vectors:
    return {name: step.after for name, step in causes.items()}


def _fold(earlier: dict[str, RecordChange], changes: Iterable[RecordChange]) -> None:
    """Add changes of records to those that are waiting, one a key."""
    for key, before, after in changes:
        if key in earlier:
            before = earlier[key][1]
        earlier[key] = (key, before, after)
