"""Which messages of a client are to be answered with a sync status, one for one.

A stock provider counts: 1 when it asks to sync, whatever it had counted before, and 1 more with each update
that it sends. A sync status that says 'stored' counts 1 down, and at 0 its application is told that
everything is stored. So one too many is a lie, and one too few is never made good.
"""

from __future__ import annotations


class Receipts:
    """What one client has counted."""

    def __init__(self) -> None:
        self._due = 0
        self._under_way: int | None = None
        self.pairing = False
        """Whether the next step 1 of the server answers one of the client."""
        self._questions = 0
        """Step 1s of the server that the client has not answered."""
        self._counted = 0
        """Which of these the client counts; 0 for none."""

    def begin_again(self) -> None:
        """The client asks to sync: it counts the answer to the step 1 that it is sent next, and nothing
        that it has sent before."""
        self._due, self.pairing = 0, True
        if self._under_way is not None:
            self._under_way = 0

    def question(self) -> None:
        """The client is sent step 1."""
        self._questions += 1
        if self.pairing:
            self._counted, self.pairing = self._questions, False

    def counts_answer(self) -> bool:
        """A step 2 came: whether the client counts it. It answers the questions in their order."""
        if not self._questions:
            return True
        counts = self._counted == 1
        self._questions -= 1
        self._counted = max(0, self._counted - 1)
        return counts

    def add(self) -> None:
        """Something came that the client counts."""
        self._due += 1

    def begin(self) -> bool:
        """Whether to find out now when all that came is stored; one such question is under way at a time."""
        if not self._due or self._under_way is not None:
            return False
        self._under_way, self._due = self._due, 0
        return True

    def end(self) -> int:
        """That is stored: for so many messages the client is to be told."""
        count, self._under_way = self._under_way or 0, None
        return count
