"""What one client takes of a server, over all connections that it has."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits
from protobase_live.server.places import Places


class Account:
    """One client: an author by its token, or else an address."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        """None for one of which neither is known; it is on its own."""
        self.users = 0
        """Connections and requests that are served for it."""


class Accounts:
    """Those of everybody who is served now."""

    def __init__(self, limits: ServerLimits, counters: Counters) -> None:
        self._accounts: dict[str, Account] = {}
        self._connections = Places(limits.identity_connections, "identity_connections", counters)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._accounts)

    @contextmanager
    def connection(self, author: str | None, address: str | None) -> Generator[Account]:
        """One more connection meanwhile, of an author, or else from an address. Raises Overloaded."""
        name = None if author is None else f"identity {author!r}"
        with self._connections.one(name), self.request(author, address) as account:
            yield account

    @contextmanager
    def request(self, author: str | None, address: str | None) -> Generator[Account]:
        """One request, or whatever else is no connection of its own."""
        name = address if author is None else f"identity {author!r}"
        account = Account(None) if name is None else self._accounts.setdefault(name, Account(name))
        account.users += 1
        try:
            yield account
        finally:
            account.users -= 1
            if name is not None and not account.users:
                del self._accounts[name]
