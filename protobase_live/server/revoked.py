"""Whose permissions were taken away while the server runs, whatever its rules say."""

from __future__ import annotations

from protobase_live.errors import LimitExceeded


class Revoked:
    """Authors, and for which collections; kept until the server stops, or until they are let in again."""

    def __init__(self, most: int) -> None:
        """At most so many pairs of an author and a collection (or all of them)."""
        self._most = most
        self._found: dict[str, set[str | None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, author: str, collection: str | None) -> None:
        """From now on refuse the author this collection, None: all. Raises LimitExceeded."""
        found = self._found.get(author, set[str | None]())
        if collection in found:
            return
        if self._count >= self._most:
            raise LimitExceeded(
                f"{self._most} are revoked already (revocations); let others in again, or write a rule"
            )
        self._found.setdefault(author, found).add(collection)
        self._count += 1

    def discard(self, author: str, collection: str | None) -> None:
        """Refuse it no more; None: nothing any more."""
        found = self._found.pop(author, set[str | None]())
        kept = set[str | None]() if collection is None else found - {collection}
        self._count += len(kept) - len(found)
        if kept:
            self._found[author] = kept

    def refuses(self, author: str | None, collection: str | None) -> bool:
        """Whether the author is refused this collection, None: everything."""
        found = self._found.get(author, ()) if author is not None and self._found else ()
        return None in found or (collection is not None and collection in found)
