"""For whom a document counts, also one whose first token could not be judged."""

from __future__ import annotations

from functools import partial

import pytest

from protobase_actors import ManualClock
from protobase_live.errors import LimitExceeded
from protobase_live.server.accounts import Accounts
from protobase_live.server.counters import Counters
from protobase_live.server.hocuspocus_accounts import HocuspocusAccounts
from protobase_live.server.limits import ServerLimits


async def test_a_document_counts_for_the_author_of_the_token_that_was_judged_last() -> None:
    clock = ManualClock()
    accounts = Accounts(clock, ServerLimits(identity_collections=1), Counters())
    held = HocuspocusAccounts(partial(accounts.connection, address=None), most=10)
    held.hold(b"notes", "notes", "ann")
    held.hold(b"notes", "notes", "bob")
    await clock.advance(61)  # so long a collection that was left counts
    held.hold(b"others", "others", "ann")
    with pytest.raises(LimitExceeded, match="identity_collections"):
        held.hold(b"more", "more", "bob")
    held.let_go(b"notes")
    await clock.advance(61)
    held.hold(b"more", "more", "bob")
    held.close()
