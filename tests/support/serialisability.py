"""Whether transactions that ran at once could have run one after the other: what they read and wrote has no
cycle of dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter

Place = tuple[str, str]
"""A collection and a key."""

Version = str | None
"""What a place held, which names who wrote it; None: nothing."""


@dataclass(slots=True)
class Ran:
    """A transaction that was committed. It has read all places that it has written, and writes its name."""

    name: str
    read: dict[Place, Version] = field(default_factory=dict[Place, Version])
    wrote: set[Place] = field(default_factory=set[Place])


def cycle_in(history: Iterable[Ran]) -> Sequence[str] | None:
    """Transactions of which each depends on the next, round and round; None if there are none.

    One depends on who wrote what it has read, and on who has read what it has written over. A version that
    nobody wrote is a cycle of its own: it was read, and never committed.
    """
    all_ran = list(history)
    before: dict[str, set[str]] = {ran.name: set() for ran in all_ran}
    followers: dict[tuple[Place, Version], list[str]] = {}
    for ran in all_ran:
        for place in ran.wrote:
            followers.setdefault((place, ran.read[place]), []).append(ran.name)
    for ran in all_ran:
        for place, version in ran.read.items():
            if version is not None and version not in before:
                return [ran.name, version]
            if version is not None:
                before[ran.name].add(version)
            for follower in followers.get((place, version), []):
                before[follower].add(ran.name)
    for name, each in before.items():
        each.discard(name)
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        return error.args[1]
    return None
