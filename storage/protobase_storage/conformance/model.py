"""The contract on plain dictionaries, and a script of effects to replay against a backend."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..commit import (
    Commit,
    Loaded,
    Part,
    Snapshot,
    Vector,
    covers,
    includes,
    is_elsewhere,
    join,
    sequence_of,
)
from ..contract import Storage

State = dict[str, Loaded]
"""What every collection loads as."""


def make_commit(
    collection: str, sequence: int, *, origin: str = "node-a", update: bytes | None = None
) -> Commit:
    """A commit whose update says which one it is."""
    body = f"<{collection}:{origin}:{sequence}>".encode(errors="replace") if update is None else update
    parts = (Part("ann", (("records", f"k{sequence}"), ("title", None))), Part(None, ()))
    return Commit(origin, sequence, collection, body, parts, 1000.0 + sequence)


def make_snapshot(collection: str, vector: dict[str, int], *, update: bytes | None = None) -> Snapshot:
    """A snapshot whose update says which one it is."""
    body = f"[{collection}:{sorted(vector.items())}]".encode(errors="replace") if update is None else update
    return Snapshot(collection, body, vector, 2000.0)


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletion of a collection, as a value."""

    collection: str
    remains: bytes = b""


@dataclass(frozen=True, slots=True)
class Erase:
    """Erasure of a collection, and what takes its place, as a value."""

    collection: str
    remains: bytes = b""
    snapshot: Snapshot | None = None


Effect = tuple[Commit, ...] | Snapshot | Delete | Erase
"""One atomic change: an append, a compaction, a deletion, an erasure."""


@dataclass(slots=True)
class Model:
    """What a storage must hold after a sequence of effects."""

    snapshots: dict[str, Snapshot] = field(default_factory=dict[str, Snapshot])
    logs: dict[str, list[Commit]] = field(default_factory=dict[str, list[Commit]])
    vectors: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    remains: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def apply(self, effect: Effect) -> None:
        """Take an effect that the contract allows."""
        match effect:
            case Delete(name, remains):
                for part in (self.snapshots, self.logs, self.vectors):
                    part.pop(name, None)
                self.remains[name] = remains
            case Erase(name, remains, snapshot):
                self.apply(Delete(name, remains))
                if snapshot is not None:
                    self.apply(snapshot)
            case Snapshot(collection=name):
                self.snapshots[name] = effect
                self.logs[name] = [
                    commit for commit in self.logs.get(name, []) if not covers(effect.vector, commit)
                ]
                self.vectors[name] = join(self.vectors.get(name, {}), effect.vector)
            case commits:
                for commit in commits:
                    self.logs.setdefault(commit.collection, []).append(commit)
                    known = self.vectors.get(commit.collection, {})
                    self.vectors[commit.collection] = join(known, {commit.origin: commit.sequence})

    def conflicts(self, commits: Sequence[Commit]) -> bool:
        """Whether an append must fail with `SequenceConflict`."""
        last = dict(self.vectors)
        for commit in commits:
            vector = last.get(commit.collection, {})
            if commit.sequence <= sequence_of(vector, commit.origin):
                return True
            last[commit.collection] = join(vector, {commit.origin: commit.sequence})
        return False

    def is_stale(self, snapshot: Snapshot) -> bool:
        """Whether a compaction must fail with `StaleSnapshot`."""
        stored = self.snapshots.get(snapshot.collection)
        return stored is not None and not includes(snapshot.vector, stored.vector)

    def commits_after(self, name: str, vector: Vector) -> tuple[Commit, ...] | None:
        """What `Storage.commits_after` answers where there is no limit."""
        snapshot, log = self.snapshots.get(name), self.logs.get(name, [])
        reaches = snapshot is None or includes(vector, snapshot.vector)
        if not reaches or any(is_elsewhere(vector, commit.origin, commit.sequence) for commit in log):
            return None
        return tuple(commit for commit in log if not covers(vector, commit))

    def state(self) -> State:
        """All collections that are not deleted."""
        return {
            name: Loaded(self.snapshots.get(name), tuple(log), self.remains.get(name, b""))
            for name, log in self.logs.items()
        }


async def perform(storage: Storage, effect: Effect) -> None:
    """Do to a storage what `Model.apply` does to the model."""
    match effect:
        case Delete(name, remains):
            await storage.delete(name, remains)
        case Erase(name, remains, snapshot):
            await storage.erase(name, remains, snapshot)
        case Snapshot():
            await storage.compact(effect)
        case commits:
            await storage.append(commits)


async def read_state(storage: Storage) -> State:
    """Load everything a storage lists; its sizes must agree with what is loaded."""
    state: State = {}
    for info in await storage.list():
        loaded = await storage.load(info.name)
        snapshot_bytes = len(loaded.snapshot.update) if loaded.snapshot else 0
        log_bytes = sum(len(commit.update) for commit in loaded.commits)
        sizes = (info.snapshot_bytes, info.log_commits, info.log_bytes)
        assert sizes == (snapshot_bytes, len(loaded.commits), log_bytes), info
        standing = await storage.standing(info.name)
        assert standing.remains == loaded.remains
        assert includes(standing.vector, loaded.vector)
        assert includes(loaded.vector, standing.vector)
        state[info.name] = loaded
    return state


def states_after(effects: Sequence[Effect]) -> list[State]:
    """The states a storage goes through: before the first effect, after it, ... after the last."""
    model = Model()
    states = [model.state()]
    for effect in effects:
        model.apply(effect)
        states.append(model.state())
    return states


def script(large: int) -> list[Effect]:
    """Appends over two collections, compactions, one of `large` bytes, deletions, new starts."""
    both = [(make_commit("a", n), make_commit("b/c", n)) for n in range(1, 5)]
    return [
        *both,
        (make_commit("a", 1, origin="node-b"),),
        make_snapshot("a", {"node-a": 3}),
        (make_commit("a", 5), make_commit("b/c", 5)),
        make_snapshot("a", {"node-a": 5, "node-b": 1}, update=b"L" * large),
        make_snapshot("new", {"node-z": 7}),
        make_snapshot("a", {"node-a": 5, "node-b": 1}),
        Delete("b/c"),
        (make_commit("a", 6), make_commit("b/c", 1)),
        Delete("a"),
        (make_commit("b/c", 2),),
        Delete("b/c", remains=b"R" * 100),
        (make_commit("b/c", 1, origin="node-a/again"),),
        Erase("b/c", b"E", make_snapshot("b/c", {"node-e": 1})),
        (make_commit("b/c", 2, origin="node-e"), make_commit("a", 1)),
        Delete("new", remains=b"N"),
        Erase("a"),
    ]


def secrets(count: int) -> list[Effect]:
    """Appends to `a` and a compaction, each with the word of `a_secret`, beside others; the last one erases.

    There are `count` appends, each of some 2 KiB.
    """
    told = [(make_commit("a", n, update=a_secret(n) * 100), make_commit("b", n)) for n in range(1, count + 1)]
    half = count // 2
    folded = make_snapshot("a", {"node-a": half}, update=b"".join(a_secret(n) for n in range(half)))
    erased = Erase("a", b"remains", make_snapshot("a", {"node-e": 1}, update=b"what is left"))
    return [*told[:half], folded, *told[half:], erased]


SECRET = b"a-secret-that-is-erased"


def a_secret(number: int) -> bytes:
    """An update of what is erased."""
    return b"%b %d;" % (SECRET, number)


async def perform_burst(storage: Storage, appends: Sequence[Sequence[Commit]]) -> None:
    """All appends at once, so that they share flushes."""
    await asyncio.gather(*[storage.append(commits) for commits in appends])
