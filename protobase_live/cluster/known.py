"""What is known of how far a collection is on another node."""

from __future__ import annotations

from dataclasses import dataclass, field

from protobase_live.collection.former import FIRST, History
from protobase_storage import Loaded, Vector, includes, is_elsewhere, join

TWO_HISTORIES = (
    "each of the two nodes has another commit in the same place: two histories; "
    "stop one of them, and start it with an empty folder"
)


@dataclass(slots=True)
class Known:
    """How far a collection is there. Of which nothing is known nothing is there."""

    history: History = FIRST
    """The one that is there, or that it was told to have."""
    confirmed: History = FIRST
    """The last one of which it was heard that it is there."""
    vector: Vector = field(default_factory=dict[str, int])
    """What is there, or was sent there in this connection."""
    durable: Vector = field(default_factory=dict[str, int])
    """What is known to be durable there."""
    since: int = 0
    """All of the recent commits up to this number are there or were sent there."""
    stuck: str | None = None
    """Why nothing more of it is sent: the other node can never take it as it is."""

    def go_on(self, vector: Vector) -> None:
        """So much is there or was sent there, too."""
        self.vector = join(self.vector, vector)

    def is_durable(self, vector: Vector) -> None:
        """So much is known to be durable there, too."""
        self.durable = join(self.durable, vector)
        self.vector = join(self.vector, vector)
        self.confirmed = self.history

    def has_durable(self, vector: Vector) -> bool:
        """Whether all of this is known to be durable there: not where each has a history of its own."""
        return self.stuck is None and includes(self.durable, vector)

    def begin_again(self, history: History, vector: Vector) -> None:
        """So much is there, and nothing of what was sent since is on its way any more."""
        self.replace(history)
        self.confirmed = history
        self.vector = self.durable = dict(vector)

    def replace(self, history: History) -> None:
        """It was told that another history is here, of which nothing was sent yet."""
        self.history = history
        self.vector, self.durable = {}, {}
        self.since = 0
        self.stuck = None

    @property
    def confirmed_vector(self) -> Vector:
        """What is known to be durable there of the last history that is known to be there."""
        return self.durable if self.history == self.confirmed else {}

    def fail(self) -> None:
        """What was sent since was not taken; nor the deletion, if that was not heard of."""
        self.begin_again(self.confirmed, self.confirmed_vector)


def have_parted(vector: Vector, here: Loaded) -> bool:
    """Whether ``vector`` has another commit in the place of one that is told here: two histories."""
    folded = here.snapshot.vector.items() if here.snapshot else ()
    told = *folded, *((commit.origin, commit.sequence) for commit in here.commits)
    return any(is_elsewhere(vector, origin, sequence) for origin, sequence in told)
