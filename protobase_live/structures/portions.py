"""Long writes in several Yjs transactions.

At the end of a transaction pycrdt joins its neighbouring blocks one by one, copying what was joined so far:
20,000 values appended in one transaction take minutes and gigabytes, and so do 20,000 under one key.
"""

from __future__ import annotations

from typing import Any

from pycrdt import Doc

MAX_BLOCKS = 128
"""Most values of lists, pieces of texts, or other actions that are written in one Yjs transaction."""


class PortionedDoc(Doc[Any]):
    """A document that begins a new Yjs transaction within the open one after MAX_BLOCKS of `wrote`."""

    _blocks = 0

    def count_block(self) -> None:
        """One more block was written."""
        self._blocks += 1
        open_one: Any = self._txn
        if self._blocks >= MAX_BLOCKS and open_one is not None:
            self._blocks = 0
            open_one._txn.commit()
            open_one._txn.drop()
            open_one._txn = self._doc.create_transaction()


def wrote(shared: Any) -> None:
    """Something was written into a shared type, perhaps next to what was written before it."""
    if isinstance(shared.doc, PortionedDoc):
        shared.doc.count_block()
