"""Who a server lets in before anybody has said who may come."""

from __future__ import annotations

import pytest

import protobase_live as pb
from protobase_live.server.authentication import anonymous
from protobase_live.server.exposure import check_exposure


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "app.localhost"])
def test_on_this_machine_nothing_has_to_be_said(host, caplog):
    check_exposure(host, anonymous, insecure=False)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.168.0.7", "app.example.com", "localhost.example.com"]
)
async def test_other_machines_are_let_in_only_when_that_is_said(host, caplog):
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match="insecure=True"):
            pb.Server(db, host)
        assert caplog.text == ""
        pb.Server(db, host, authenticate=lambda token: token)
        assert caplog.text == ""
        pb.Server(db, host, insecure=True)
        assert "may read and write everything" in caplog.text
