"""Addresses of streams."""

import pytest

from protobase_storage.nats.address import NatsAddress, parse_address


def test_an_address_names_servers_and_a_stream() -> None:
    assert parse_address("nats://h/s") == NatsAddress(("h",), "s")
    told = parse_address("nats://a:4222,b:4223/my_stream-1?replicas=3&credentials=/etc/c.creds")
    assert told == NatsAddress(("a:4222", "b:4223"), "my_stream-1", 3, "/etc/c.creds")
    assert str(told) == "nats://a:4222,b:4223/my_stream-1"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nats://", "names no server"),
        ("nats://a,,b/s", "names no server"),
        ("http://a/s", "names no server"),
        ("nats://a", "a stream's name"),
        ("nats://a/two/parts", "a stream's name"),
        ("nats://a/with.dot", "a stream's name"),
        ("nats://a/s?shards=2", "unknown option 'shards'"),
        ("nats://a/s?replicas=6", "replicas is a number from 1 to 5"),
        ("nats://a/s?replicas=x", "replicas is a number from 1 to 5"),
    ],
)
def test_another_is_none(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_address(url)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="credentials=FILE") as caught:
        parse_address("nats://me:secret@a/s")
    assert "secret" not in str(caught.value)
