"""Whose permissions were taken away, for workers that start later."""

from __future__ import annotations

from collections.abc import Sequence


class Revocations:
    """What all workers were told; each has its own limit of them."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str | None], None] = {}

    def note(self, author: str, collection: str | None, let_in: bool) -> None:
        """Somebody was revoked, or let in again; None: everything."""
        if not let_in:
            self._found[author, collection] = None
        for pair in list(self._found) if let_in else ():
            if pair[0] == author and collection in (None, pair[1]):
                del self._found[pair]

    def told(self) -> Sequence[tuple[str, str | None]]:
        """What a worker is told that starts."""
        return list(self._found)
