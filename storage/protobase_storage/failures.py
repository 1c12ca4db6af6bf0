"""Appends that failed and whose callers have not heard of it: they may be calling for what comes behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from .commit import Commit
from .errors import SequenceConflict, StorageError, told_again


class Failures:
    """What is appended to a collection fails from when a commit of it was lost until somebody hears of that,
    so that none is stored behind one that is lost."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._errors: dict[str, StorageError] = {}

    def add(self, commits: Sequence[Commit], error: StorageError) -> None:
        """These are not stored, and not because of what they are."""
        if not isinstance(error, SequenceConflict):
            for name in _names(commits):
                self._errors.setdefault(name, error)

    def check(self, commits: Sequence[Commit]) -> None:
        """Raises why they cannot be stored."""
        if self._errors:
            for name in _names(commits):
                if name in self._errors:
                    raise told_again(self._errors[name])

    def deliver(self, commits: Sequence[Commit], error: StorageError) -> None:
        """To be called right before the future of an append fails: who waits for it hears of it then."""
        self._loop.call_soon(self._forget, _names(commits), error)

    def _forget(self, names: set[str], error: StorageError) -> None:
        for name in names:
            if self._errors.get(name) is error:
                del self._errors[name]


def _names(commits: Sequence[Commit]) -> set[str]:
    return {commit.collection for commit in commits}
