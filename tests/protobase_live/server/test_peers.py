"""Dialing another node."""

from __future__ import annotations

import pytest

from protobase_live.errors import Unavailable
from protobase_live.server.peers import dial


@pytest.mark.parametrize("host", ["node..example", f"{'n' * 64}.example"])
async def test_a_name_that_no_host_can_have_is_of_one_that_is_not_there(host: str) -> None:
    with pytest.raises(Unavailable, match=f"there is no host '{host}'"):
        await dial(f"ws://{host}:8765/peer", 1_000, 10.0)
