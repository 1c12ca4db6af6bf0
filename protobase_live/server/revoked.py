"""Whose permissions were taken away while the server runs, whatever its rules say."""

from __future__ import annotations

from protobase_live.errors import LimitExceeded

Revocation = tuple[str, str | None]
"""An author, and the collection that he is refused, None: all."""


class Revoked:
    """Those that hold now."""

    def __init__(self, most: int) -> None:
        """Who revokes may do so while there are fewer than ``most``."""
        self._most = most
        self._found: dict[str, set[str | None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def all(self) -> set[Revocation]:
        """All of them."""
        return {(author, each) for author, found in self._found.items() for each in found}

    def of(self, author: str, collection: str | None) -> set[Revocation]:
        """The author's for this collection, None: all of the author's."""
        found = self._found.get(author, ())
        return {(author, each) for each in found if collection in (None, each)}

    def require_room(self, revocation: Revocation) -> None:
        """Raises LimitExceeded if that would be one too many."""
        author, collection = revocation
        if self._count >= self._most and collection not in self._found.get(author, ()):
            raise LimitExceeded(
                f"{self._most} are revoked already (revocations); let others in again, or write a rule"
            )

    def add(self, revocation: Revocation) -> bool:
        """From now on refuse the author this collection, or all. False: that was so."""
        author, collection = revocation
        found = self._found.setdefault(author, set())
        if collection in found:
            return False
        found.add(collection)
        self._count += 1
        return True

    def discard(self, revocation: Revocation) -> bool:
        """Refuse that no more. False: it was not refused."""
        author, collection = revocation
        found = self._found.get(author, set[str | None]())
        if collection not in found:
            return False
        found.remove(collection)
        self._count -= 1
        if not found:
            del self._found[author]
        return True

    def refuses(self, author: str | None, collection: str | None) -> bool:
        """Whether the author is refused this collection, None: everything."""
        found = self._found.get(author, ()) if author is not None and self._found else ()
        return None in found or (collection is not None and collection in found)
