"""Which commits go into one message: those of a collection in order, those of a transaction together."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice

from protobase_live.cluster.recent import Packed
from protobase_live.collection.former import FIRST, History
from protobase_storage import Joint

Part = tuple[str, Joint]
"""That of a transaction over several collections in one of them."""


@dataclass(slots=True)
class Line:
    """The commits of one collection that the other node lacks, in order."""

    waiting: deque[Packed]
    whole: bool
    """Whether these are all."""
    history: History = FIRST
    """The one that they are of."""


@dataclass(slots=True)
class Batch:
    """What has been taken."""

    taken: dict[str, list[Packed]] = field(default_factory=dict[str, list[Packed]])
    commits: int = 0
    size: int = 0
    """In bytes of packed commits."""

    def take(self, collection: str, line: Line) -> None:
        """Take the next commit of a line."""
        kept = line.waiting.popleft()
        self.taken.setdefault(collection, []).append(kept)
        self.commits += 1
        self.size += len(kept.form)


class Batching:
    """Takes from lines until nothing is left or the batch is full; what is left stays in the lines."""

    def __init__(self, lines: Mapping[str, Line], most_commits: int, most_bytes: int) -> None:
        """A transaction over several collections may have more than that: then it is all there is."""
        self._lines = lines
        self._most_commits = most_commits
        self._most_bytes = most_bytes
        self._batch = Batch()

    def run(self) -> Batch:
        """What is to be sent next; empty if nothing is left, or all waits for what is in no line yet."""
        self._batch = Batch()
        while not self._is_full and self._take_some():
            pass
        return self._batch

    def run_at_least_one(self) -> Batch:
        """`run` of lines that begin with what the other node lacks; empty only if they are."""
        if not self.run().commits:
            # Parts stand in another order in one of the logs than in another, because one of them came alone.
            heads = [name for name, line in self._lines.items() if line.waiting]
            if heads:
                self._take(min(heads, key=lambda name: self._lines[name].waiting[0].commit.time))
        return self._batch

    @property
    def _is_full(self) -> bool:
        return self._batch.commits >= self._most_commits or self._batch.size >= self._most_bytes

    def _take_some(self) -> bool:
        """Whether a commit could be taken from any line."""
        before = self._batch.commits
        for name, line in self._lines.items():
            while line.waiting and not self._is_full:
                joint = line.waiting[0].commit.joint
                if joint is None:
                    self._take(name)
                elif (names := self._parts(joint)) is not None:
                    for each in names:
                        self._take(each)
                else:
                    break
        return self._batch.commits > before

    def _take(self, name: str) -> None:
        self._batch.take(name, self._lines[name])

    def _parts(self, joint: Joint) -> list[str] | None:
        """The collections whose parts of a transaction are to be sent; None if one is not next yet."""
        names: list[str] = []
        for name in joint.collections:
            line = self._lines.get(name)
            if line is None:
                continue  # nothing of it is lacking there, or the part has not come here itself
            if line.waiting and line.waiting[0].commit.joint == joint:
                names.append(name)
            elif not line.whole or any(each.commit.joint == joint for each in line.waiting):
                return None
        return names


def missing_parts(lines: Mapping[str, Line]) -> set[Part]:
    """The parts of transactions of which another part is in a line, and this one in none."""
    commits = [(name, kept.commit) for name, line in lines.items() for kept in line.waiting]
    there = {(name, commit.joint) for name, commit in commits if commit.joint}
    return {
        (name, joint)
        for joint in {joint for _, joint in there}
        for name in joint.collections
        if (name, joint) not in there and (name not in lines or lines[name].whole)
    }


def cut_off(lines: Mapping[str, Line], joints: Collection[Joint]) -> None:
    """Take out of the lines the parts of these transactions, and what follows them there."""
    for line in lines.values():
        for place, kept in enumerate(line.waiting):
            if kept.commit.joint in joints:
                line.waiting = deque(islice(line.waiting, place))
                line.whole = False
                break
