"""For whom the documents of one Hocuspocus socket count: each for the author of its own token."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from protobase_live.errors import LimitExceeded, Overloaded
from protobase_live.server.accounts import Account

Enter = Callable[[str | None], AbstractContextManager[Account]]
"""One more connection of an author."""


class SocketOverloaded(Overloaded):
    """The socket itself is one too many."""


class HocuspocusAccounts:
    """The documents that count as open, and the authors that have had one; the socket counts as a connection
    of each of these as long as it is open."""

    def __init__(self, enter: Enter, most: int) -> None:
        """At most so many authors have documents on the socket."""
        self._enter = enter
        self._most = most
        self._counted = ExitStack()
        self._accounts: dict[str | None, Account] = {}
        self._holds: dict[bytes, tuple[str | None, ExitStack]] = {}
        """By document, and the authors that they count for."""

    def hold(self, key: bytes, collection: str, author: str | None) -> None:
        """Count a document as open, as long as it is.

        Raises:
            SocketOverloaded: the socket is to be opened anew.
            LimitExceeded: this document alone is one too many.
        """
        account = self._of(author)
        if key in self._holds and self._holds[key][0] == author:
            return
        self.let_go(key)  # another one's token could not be judged
        hold = ExitStack()
        try:
            hold.enter_context(account.opened.holding([collection]))
        except Overloaded as error:
            raise LimitExceeded(str(error)) from error
        self._holds[key] = author, hold

    def let_go(self, key: bytes) -> None:
        """The document is open no more."""
        _, hold = self._holds.pop(key, (None, None))
        if hold is not None:
            hold.close()

    def close(self) -> None:
        """The socket is gone."""
        for _, hold in self._holds.values():
            hold.close()
        self._holds.clear()
        self._counted.close()

    def _of(self, author: str | None) -> Account:
        if author in self._accounts:
            return self._accounts[author]
        if len(self._accounts) >= self._most:
            raise SocketOverloaded(
                f"documents of {self._most} authors were opened on this socket (socket_documents)"
            )
        try:
            account = self._counted.enter_context(self._enter(author))
        except Overloaded as error:
            kind = LimitExceeded if self._accounts else SocketOverloaded
            raise kind(str(error)) from error
        self._accounts[author] = account
        return account
