"""What one client takes over all its connections."""

from __future__ import annotations

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import Overloaded
from protobase_live.server.accounts import Accounts
from protobase_live.server.counters import Counters
from protobase_live.server.limits import ServerLimits


@pytest.fixture
def accounts() -> Accounts:
    return Accounts(
        ManualClock(), ServerLimits(identity_connections=1, identity_collection_seconds=0.0), Counters()
    )


def test_an_author_is_one_client_wherever_it_comes_from(accounts: Accounts):
    with accounts.connection("ann", "192.0.2.7") as one, accounts.request("ann", "192.0.2.8") as other:
        assert one is other
        with accounts.request(None, "192.0.2.7") as stranger:
            assert stranger is not one
    assert not accounts.count


def test_one_that_has_no_name_is_on_its_own(accounts: Accounts):
    with accounts.request(None, None) as one, accounts.request(None, None) as other:
        assert one is not other
        assert not accounts.count


def test_an_author_has_so_many_connections(accounts: Accounts):
    with (
        accounts.connection("ann", None),
        pytest.raises(Overloaded, match="identity 'ann' has 1 already"),
        accounts.connection("ann", None),
    ):
        pass
    with accounts.connection("ann", None):
        pass


async def test_what_was_used_of_late_is_remembered_for_who_comes_back():
    clock = ManualClock()
    accounts = Accounts(clock, ServerLimits(identity_collections=1), Counters())
    with accounts.request("ann", None) as account:
        account.opened.use(["a"])
    with accounts.request("ann", None) as account, pytest.raises(Overloaded):
        account.opened.use(["b"])
    await clock.advance(100)
    with accounts.request("bob", None):
        pass
    assert accounts.count == 0


def test_addresses_are_counted_elsewhere(accounts: Accounts):
    with accounts.connection(None, "192.0.2.7"), accounts.connection(None, "192.0.2.7"):
        assert accounts.count == 1
