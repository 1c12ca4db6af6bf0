"""A collection that is being loaded while commits of other nodes are stored for it."""

from __future__ import annotations

from collections.abc import Sequence

from protobase_live.collection.timelines import Timelines
from protobase_storage import Commit, Loaded, covers


class Waking:
    """What has to be known of it meanwhile."""

    def __init__(self) -> None:
        self.has_grown = False
        """Whether anything was stored since it began."""
        self.timelines: Timelines | None = None
        """Those of all that is stored, once its log has been read."""
        self._first: dict[str, Commit] = {}
        """Of what was stored until then, the first commit of each timeline."""

    def stored(self, commits: Sequence[Commit]) -> None:
        """These are durable now."""
        self.has_grown = self.has_grown or bool(commits)
        for commit in commits:
            if self.timelines is None:
                self._first.setdefault(commit.origin, commit)
            else:
                self.timelines.note(commit.origin, commit.sequence)

    def read(self, loaded: Loaded) -> None:
        """Its log was read, maybe before the last of what was ``stored``."""
        timelines, vector = Timelines(loaded), loaded.vector
        for origin, commit in self._first.items():
            if not covers(vector, commit):
                timelines.note(origin, commit.sequence)
        self.timelines = timelines
