"""Where the timelines of a collection's writers began: how two histories are told apart."""

from __future__ import annotations

from protobase_live.collection.former import of_another_history
from protobase_storage import Commit, Loaded, Vector, covers, is_elsewhere, sequence_of, writer_of
from protobase_storage.commit import NOTHING


class Timelines:
    """The timelines that the writers of a collection are in here.

    A writer's numbers go on through its timelines. So from where one began no other one of its writer can
    have commits, as far as this one goes: who names one there has another history.
    """

    def __init__(self, loaded: Loaded | None = None) -> None:
        """``loaded`` is what the collection begins with."""
        self._of: dict[str, str] = {}
        """By its writer, the timeline that it is in."""
        self._begun: dict[str, int] = {}
        """The first commit that is known of each of them."""
        if loaded is not None:
            for origin, sequence in (loaded.snapshot.vector if loaded.snapshot else NOTHING).items():
                self.note(origin, sequence)
            for commit in loaded.commits:
                self.note(commit.origin, commit.sequence)

    def copy(self) -> Timelines:
        """The same, to be noted in apart."""
        copied = Timelines()
        copied._of, copied._begun = dict(self._of), dict(self._begun)
        return copied

    def note(self, origin: str, sequence: int) -> None:
        """The collection has come to this."""
        if origin in self._begun:
            return
        writer = writer_of(origin)
        self._begun.pop(self._of.get(writer, ""), None)
        self._of[writer], self._begun[origin] = origin, sequence

    def require_same(self, vector: Vector, commit: Commit) -> None:
        """Raises ValidationError if another commit is in the place of this one, or of one it was made on.

        ``vector`` is what is here.
        """
        self.require_no_other(commit.collection, vector, commit.origin, commit.sequence)
        for origin, sequence in commit.after.items():
            self.require_no_other(commit.collection, vector, origin, sequence)

    def require_no_other(self, collection: str, vector: Vector, origin: str, sequence: int) -> None:
        """Raises ValidationError if another commit is there."""
        if origin not in vector and self._has_other(vector, origin, sequence):
            raise of_another_history(collection, origin, sequence)

    def _has_other(self, vector: Vector, origin: str, sequence: int) -> bool:
        here = self._of.get(writer_of(origin), "")
        if here not in vector:  # it is not known when that began
            return is_elsewhere(vector, origin, sequence)
        return here != origin and self._begun[here] <= sequence <= vector[here]


def is_in_question(vector: Vector, commit: Commit) -> bool:
    """Whether ``vector`` alone does not tell if a commit that it lacks is of the same history."""
    return not covers(vector, commit) and any(
        origin not in vector and sequence_of(vector, origin) >= sequence
        for origin, sequence in commit.after.items()
    )
