"""What one client takes of a server, over all connections that it has."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager

from protobase_actors import Clock
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.live_database import ClientShare, WholeViews
from protobase_live.server.opened import Opened
from protobase_live.server.places import Places

REMEMBERED = 10_000
"""Clients that are remembered for what they have used of late; who left first is forgotten."""


class Account:
    """One client: an author by its token, or else an address."""

    def __init__(self, name: str | None, opened: Opened) -> None:
        self.name = name
        """None for one of which neither is known; it is on its own."""
        self.users = 0
        """Connections and requests that are served for it."""
        self.opened = opened
        """The collections that it uses."""
        self._share: ClientShare | None = None

    def share(self, views: WholeViews) -> ClientShare:
        """What it may take of the queries of a database."""
        if self._share is None:
            self._share = views.share()
        return self._share


class Accounts:
    """Those of everybody who is served, or was a moment ago."""

    def __init__(self, clock: Clock, limits: ServerLimits, counters: Counters) -> None:
        self._parts = limits, clock, counters
        self._accounts: dict[str, Account] = {}
        self._left: OrderedDict[str, Account] = OrderedDict()
        """Those that nobody uses, who left first at the front."""
        self._connections = Places(limits.identity_connections, "identity_connections", counters)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._accounts)

    @contextmanager
    def connection(self, author: str | None, address: str | None) -> Generator[Account]:
        """One more connection meanwhile, of an author, or else from an address. Raises Overloaded."""
        name = _named(author)
        self._connections.take(name)
        account = self._enter(author, address)
        try:  # in one generator: each more takes half a kilobyte of every connection
            yield account
        finally:
            self._leave(account)
            self._connections.give_back(name)

    @contextmanager
    def request(self, author: str | None, address: str | None) -> Generator[Account]:
        """One request, or whatever else is no connection of its own."""
        account = self._enter(author, address)
        try:
            yield account
        finally:
            self._leave(account)

    def alone(self) -> Account:
        """One that is shared with nobody."""
        return Account(None, Opened(*self._parts))

    def _enter(self, author: str | None, address: str | None) -> Account:
        account = self._of(_named(author) or address)
        account.users += 1
        return account

    def _of(self, name: str | None) -> Account:
        if name is None:
            return self.alone()
        self._left.pop(name, None)
        found = self._accounts.get(name)
        if found is None:
            found = self._accounts[name] = Account(name, Opened(*self._parts))
        return found

    def _leave(self, account: Account) -> None:
        account.users -= 1
        if account.name is not None and not account.users:
            self._left[account.name] = account
        while self._left:
            name, first = next(iter(self._left.items()))
            if not first.opened.idle and len(self._left) <= REMEMBERED:
                break
            del self._left[name], self._accounts[name]


def _named(author: str | None) -> str | None:
    return None if author is None else f"identity {author!r}"
