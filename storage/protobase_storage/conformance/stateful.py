"""Random calls against a backend and against plain dictionaries."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ..commit import Vector, sequence_of, writer_of
from ..contract import Storage
from ..errors import SequenceConflict, StaleSnapshot
from .model import Delete, Erase, Model, make_commit, make_snapshot, perform, read_state

Open = Callable[[Path], Awaitable[Storage]]

_names = st.sampled_from(["a", "b", "b/c"])
_origins = st.sampled_from(["x", "y", "x/1", "x/2"])
_commits = st.lists(st.tuples(_names, _origins, st.integers(-1, 3)), max_size=4)
_vectors = st.dictionaries(_origins, st.integers(0, 12)).filter(
    lambda vector: len({*map(writer_of, vector)}) == len(vector)
)


class StorageMachine(RuleBasedStateMachine):
    """Made concrete by `model_test`."""

    open_storage: Open
    persistent: bool

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model = Model()
        self.storage: Storage = self.run(self.reopened())

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Await something."""

        async def wait() -> Any:
            return await awaitable

        return self.runner.run(wait())

    async def reopened(self) -> Storage:
        """The storage in this machine's folder."""
        return await type(self).open_storage(Path(self.folder.name))

    def teardown(self) -> None:
        """Close everything."""
        self.run(self.storage.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(steps=_commits)
    def append(self, steps: list[tuple[str, str, int]]) -> None:
        """Sequences at, above and (a conflict) below what comes next."""
        commits = tuple(
            make_commit(name, sequence_of(self.model.vectors.get(name, {}), origin) + step, origin=origin)
            for name, origin, step in steps
        )
        if self.model.conflicts(commits):
            with pytest.raises(SequenceConflict):
                self.run(perform(self.storage, commits))
        else:
            self.run(perform(self.storage, commits))
            self.model.apply(commits)

    @rule(name=_names, vector=_vectors)
    def compact(self, name: str, vector: dict[str, int]) -> None:
        """Snapshots behind (stale), within and beyond the log."""
        snapshot = make_snapshot(name, vector)
        if self.model.is_stale(snapshot):
            with pytest.raises(StaleSnapshot):
                self.run(perform(self.storage, snapshot))
        else:
            self.run(perform(self.storage, snapshot))
            self.model.apply(snapshot)

    @rule(name=_names, remains=st.sampled_from([b"", b"remains"]))
    def delete(self, name: str, remains: bytes) -> None:
        """Existing or not, leaving something or not."""
        self.run(perform(self.storage, Delete(name, remains)))
        self.model.apply(Delete(name, remains))

    @rule(name=_names, vector=st.none() | _vectors)
    def erase(self, name: str, vector: dict[str, int] | None) -> None:
        """With and without something that takes its place."""
        effect = Erase(name, b"erased", None if vector is None else make_snapshot(name, vector))
        self.run(perform(self.storage, effect))
        self.model.apply(effect)

    @rule()
    def reopen(self) -> None:
        """Close and open; what is not persistent stays open."""
        if self.persistent:
            self.run(self.storage.close())
            self.storage = self.run(self.reopened())

    @rule(name=_names, vector=_vectors, limit=st.integers(0, 4))
    def read_after(self, name: str, vector: Vector, limit: int) -> None:
        """Commits after any vector."""
        expected = self.model.commits_after(name, vector)
        found = self.run(self.storage.commits_after(name, vector, limit))
        assert found == (None if expected is None else expected[:limit])

    @invariant()
    def agrees(self) -> None:
        """Everything listed and loaded is what the model holds."""
        assert self.run(read_state(self.storage)) == self.model.state()


def model_test(open_storage: Open, *, persistent: bool, examples: int = 25, steps: int = 20) -> Any:
    """A test case class; assign it to a name that starts with `Test`."""
    attributes = {"open_storage": staticmethod(open_storage), "persistent": persistent}
    machine = type("Machine", (StorageMachine,), attributes)
    machine.TestCase.settings = settings(  # type: ignore[attr-defined]
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    return machine.TestCase  # type: ignore[attr-defined]
