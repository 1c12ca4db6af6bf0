"""Which web pages may connect to which servers."""

import pytest

from protobase_live.errors import ValidationError
from protobase_live.server.origins import Origins


def allows(origins, origin, host="127.0.0.1:8765"):
    return origins.refusal([origin], [host]) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3", "app.localhost"])
def test_a_loopback_server_takes_pages_of_this_machine(host):
    origins = Origins([], host)
    assert origins.refusal([], ["127.0.0.1:8765"]) is None, "no browser"
    for own in ("http://localhost:5173", "http://127.0.0.1:8765", "HTTP://[::1]", "https://a.localhost"):
        assert allows(origins, own)
    for other in (
        "http://evil.example", "https://evil.example:8765", "null", "", "file://", "http://127.0.0.1.evil.example",
        "http://localhost.evil.example", "http://[", "http://[::1", "localhost", "http://127.0.0.1@evil.example",
        "http://evil.example@localhost",
    ):  # fmt: skip
        assert not allows(origins, other), other


def test_a_name_that_was_made_to_stand_for_a_loopback_address_is_another_host():
    assert not allows(Origins([], "127.0.0.1"), "http://evil.example:8765", "evil.example:8765")


def test_the_list_allows_more():
    origins = Origins(["https://app.example.com/", "null"], "127.0.0.1")
    assert allows(origins, "https://app.example.com")
    assert allows(origins, "https://APP.example.com")
    assert allows(origins, "null")
    assert allows(origins, "http://localhost")
    assert not allows(origins, "http://app.example.com")
    assert not allows(origins, "https://app.example.com:444")


def test_a_star_allows_all():
    assert allows(Origins(["*"], "127.0.0.1"), "http://evil.example")


def test_another_server_takes_all_pages_until_it_is_told_which():
    assert allows(Origins([], "0.0.0.0"), "http://anywhere.example")
    origins = Origins(["https://app.example.com"], "0.0.0.0")
    assert not allows(origins, "http://anywhere.example", "collab.example.com")
    assert allows(origins, "https://collab.example.com", "collab.example.com:443")
    assert allows(origins, "https://app.example.com", "collab.example.com")
    assert origins.refusal(["https://collab.example.com"], []) is not None


def test_a_refusal_says_what_would_allow_it():
    refusal = Origins([], "localhost").refusal(["http://evil.example"], ["localhost:8765"])
    assert (
        refusal
        == "pages of 'http://evil.example' may not connect here; the server's option --origin allows them"
    )


def test_a_request_without_an_origin_has_to_be_for_this_machine():
    """A page that reads from its own host sends none, and its host may be a name for a loopback address."""
    origins = Origins(["https://app.example.com"], "127.0.0.1")
    for host in ("127.0.0.1:8765", "localhost", "[::1]:8765", "app.example.com", "APP.example.com:80", ""):
        assert origins.request_refusal([], [host]) is None, host
    for host in ("evil.example:8765", "localhost.evil.example", "10.0.0.1", "evil.example@localhost"):
        assert repr(host) in (origins.request_refusal([], [host]) or ""), host
    assert origins.request_refusal(["http://evil.example"], ["localhost"]) is not None
    for takes_all in (Origins(["*"], "127.0.0.1"), Origins([], "0.0.0.0"), Origins([], "", strict=True)):
        assert takes_all.request_refusal([], ["evil.example"]) is None


@pytest.mark.parametrize(
    "origin", ["", "app.example.com", "//app.example.com", "http://", "https://a/b", "http://["]
)
def test_what_is_no_origin(origin):
    with pytest.raises(ValidationError, match="is no origin; write it like"):
        Origins([origin], "localhost")
