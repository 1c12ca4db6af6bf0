"""What collections have come to, as of one moment: for a node that is behind their logs.

Of what was folded nobody knows any more which transactions it was a part of. So the collections that a node
is to take as snapshots belong together, and so do those whose logs tell of transactions with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from protobase_live.cluster.batch import Line
from protobase_live.cluster.source import Source
from protobase_live.model.names import is_internal
from protobase_live.protocol.packing import pack
from protobase_live.protocol.peer.messages import SnapshotPart
from protobase_storage import CollectionCorrupt, Commit, Loaded, Vector, covers, includes, sequence_of
from protobase_storage.commit import is_leap

_ATTEMPTS = 3
"""How often it is looked again after a log was folded, or a transaction with others stored, meanwhile."""

Lacks = Callable[[Commit], bool]
"""Whether the other node may lack a commit."""


@dataclass(slots=True)
class Together:
    """What is to be taken as one."""

    loaded: dict[str, Loaded] = field(default_factory=dict[str, Loaded])
    corrupt: dict[str, str] = field(default_factory=dict[str, str])
    """Why some cannot be read."""
    left_out: bool = False
    """Whether something belongs to it that it has no room for."""


async def as_of_now(source: Source, names: Iterable[str], most_bytes: int, lacks: Lacks) -> Together:
    """All of these as of one moment, and what shares transactions that the other node ``lacks`` with them.

    As far as ``most_bytes`` allow; at least one. Raises StorageError.
    """
    wanted, found = dict.fromkeys(names), Together()
    for _ in range(_ATTEMPTS):
        moment = await source.moment([*wanted])
        found = await _read(source, {name: moment.get(name, {}) for name in wanted}, most_bytes)
        # Between choosing the names and the moment a transaction with others may have been stored.
        more = [name for name in _sharing(found, lacks) if name not in wanted]
        found.left_out = found.left_out or bool(more)
        folded = not all(_is_before(each, moment.get(name, {})) for name, each in found.loaded.items())
        if not folded and not more:
            break
        wanted |= dict.fromkeys(more)
    return found


def _sharing(found: Together, lacks: Lacks) -> list[str]:
    """The collections of the transactions that the other node lacks."""
    commits = (commit for loaded in found.loaded.values() for commit in loaded.commits if lacks(commit))
    names = (name for commit in commits if commit.joint for name in commit.joint.collections)
    return [name for name in dict.fromkeys(names) if not is_internal(name)]


async def _read(source: Source, moment: Mapping[str, Vector], most_bytes: int) -> Together:
    found, size = Together(), 0
    for name, vector in moment.items():
        try:
            loaded = await source.storage.load(name)
        except CollectionCorrupt as error:  # of the others it says nothing
            found.corrupt[name] = str(error)
            continue
        loaded = Loaded(loaded.snapshot, _until(loaded, vector), loaded.remains)
        size += sum(map(len, loaded.updates))
        if found.loaded and size > most_bytes:
            found.left_out = True
            break
        found.loaded[name] = loaded
    return found


def _until(loaded: Loaded, vector: Vector) -> tuple[Commit, ...]:
    return tuple(commit for commit in loaded.commits if covers(vector, commit))


def _is_before(loaded: Loaded, moment: Vector) -> bool:
    """Whether nothing later was folded meanwhile."""
    return loaded.snapshot is None or includes(moment, loaded.snapshot.vector)


def belonging(names: Iterable[str], lines: Mapping[str, Line]) -> list[str]:
    """These collections, and those of ``lines`` that share transactions with them as far as that is known."""
    found = dict.fromkeys(names)
    left = {name: line for name, line in lines.items() if name not in found}
    while more := [name for name, line in left.items() if _shares(line, found)]:
        for name in more:
            found[name] = None
            del left[name]
    return list(found)


def _shares(line: Line, names: Mapping[str, None]) -> bool:
    joints = (kept.commit.joint for kept in line.waiting)
    return not line.whole or any(name in names for joint in joints if joint for name in joint.collections)


def tells_no_history(vector: Vector, commits: Iterable[Commit]) -> bool:
    """Whether commits that follow ``vector`` leave out what happened: they have leaps, or gaps.

    Leaps of earlier versions do not say what they are, and are seen by their gaps alone.
    """
    last: dict[str, int] = {}
    for commit in commits:
        before = last.get(commit.origin)
        if is_leap(commit) or commit.sequence != (before or sequence_of(vector, commit.origin)) + 1:
            return True
        last[commit.origin] = commit.sequence
    return False


def parts_of(together: Mapping[str, tuple[tuple[int, str], Loaded]], size: int) -> list[SnapshotPart]:
    """The messages that tell all of it, by collection and history, with ``size`` bytes each."""
    parts: list[SnapshotPart] = []
    for left, (name, (history, loaded)) in zip(reversed(range(len(together))), together.items(), strict=True):
        told = pack(loaded.updates)
        time = max([each.time for each in (loaded.snapshot, *loaded.commits) if each], default=0.0)
        for at in range(0, len(told), size):
            part, last = told[at : at + size], at + size >= len(told)
            parts.append(SnapshotPart(name, history, loaded.vector, time, part, last, more=left > 0))
    return parts
