"""Commits of messages that follow each other, read and put together: they are taken in one go."""

from __future__ import annotations

from protobase_live.collection.commit_form import unpack_commit_of
from protobase_live.collection.former import History
from protobase_live.errors import ProtocolError
from protobase_live.protocol.peer.messages import Commits
from protobase_storage import Commit


class Sack:
    """What has come of each collection, in order."""

    def __init__(self) -> None:
        self.number = 0
        """Of the last message; 0 if there was none."""
        self.commits: dict[str, list[Commit]] = {}
        self.histories: dict[str, History] = {}

    def fits(self, message: Commits) -> bool:
        """Whether all its commits are of the histories of which there are some already."""
        return all(
            self.histories.get(name, History(*history)) == history
            for name, (history, _) in message.commits.items()
        )

    def add(self, message: Commits) -> None:
        """Put in a message that fits. Raises ProtocolError if a commit cannot be read."""
        self.number = message.number
        for collection, (history, forms) in message.commits.items():
            self.histories[collection] = History(*history)
            into = self.commits.setdefault(collection, [])
            into += [_commit(collection, form) for form in forms]


def _commit(collection: str, form: bytes) -> Commit:
    try:
        return unpack_commit_of(collection, form)
    except (TypeError, ValueError, AttributeError) as error:
        raise ProtocolError(f"a commit of {collection!r} cannot be read: {error}") from error
