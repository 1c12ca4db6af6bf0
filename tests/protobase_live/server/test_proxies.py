"""The addresses of clients, behind proxies and without."""

from __future__ import annotations

import pytest

from protobase_live.errors import ValidationError
from protobase_live.server.proxies import Proxies

TRUSTED = Proxies(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("host", "forwarded", "counts"),
    [
        ("192.0.2.7", "", "192.0.2.7"),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),  # not a proxy: its word is nothing
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "8.8.8.8, 198.51.100.1", "198.51.100.1"),  # what a client has written itself
        ("10.0.0.1", "198.51.100.1, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "", "192.0.2.7"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "", "fe80::/64"),
        ("a unix socket", "", "a unix socket"),
        (None, "198.51.100.1", None),
        ("", "", None),
    ],
)
def test_whose_address_counts(host, forwarded, counts):
    assert TRUSTED.client(host, forwarded) == counts


def test_the_host_itself_is_told_as_it_was_said():
    assert TRUSTED.source("::1", "2001:db8:1:2:3:4:5:6") == "2001:db8:1:2:3:4:5:6"
    assert TRUSTED.source("192.0.2.7", "198.51.100.1") == "192.0.2.7"
    assert TRUSTED.source(None) is None


def test_no_proxy_is_trusted_unless_that_is_said():
    assert Proxies().client("127.0.0.1", "198.51.100.1") == "127.0.0.1"


def test_a_long_chain_is_not_gone_through():
    assert TRUSTED.client("10.0.0.1", "192.0.2.7" + ", 10.0.0.1" * 100) == "10.0.0.1"


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.1/8", ""])
def test_what_is_no_network_is_refused(wrong):
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Proxies([wrong])
