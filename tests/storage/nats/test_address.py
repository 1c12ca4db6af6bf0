"""Addresses of streams."""

import pytest

from protobase_storage.cloud.address import CloudAddress
from protobase_storage.nats.address import NatsAddress, parse_address


def test_an_address_names_servers_and_a_stream() -> None:
    assert parse_address("nats://h/s") == NatsAddress(("h",), "s")
    told = parse_address("nats://a:4222,b:4223/my_stream-1?replicas=3&credentials=/etc/c.creds")
    assert told == NatsAddress(("a:4222", "b:4223"), "my_stream-1", 3, "/etc/c.creds")
    assert str(told) == "nats://a:4222,b:4223/my_stream-1"


@pytest.mark.parametrize(
    ("told", "bucket"),
    [
        ("s3://b", CloudAddress("s3", "b", "")),
        ("gs://b/p/q", CloudAddress("gs", "b", "p/q")),
        (
            "s3://b/p?endpoint=http://m:9000%26region=eu",
            CloudAddress("s3", "b", "p", "http://m:9000", "eu"),
        ),
        ("s3%3A%2F%2Fb%2Fp%3Fregion%3Deu", CloudAddress("s3", "b", "p", None, "eu")),
    ],
)
def test_an_address_names_a_bucket_for_snapshots(told: str, bucket: CloudAddress) -> None:
    assert parse_address(f"nats://h/s?snapshots={told}&replicas=3") == NatsAddress(
        ("h",), "s", 3, snapshots=bucket
    )


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
        ("nats://a/s?snapshots=", "snapshots is the address of a bucket: '' names no bucket; write s3://"),
        ("nats://a/s?snapshots=file:x", "names no bucket"),
        ("nats://a/s?snapshots=s3://b?secret=x", "unknown option 'secret'; known are endpoint"),
        ("nats://a/s?snapshots=s3://b?local=x", "leave out local"),
        ("nats://a/s?snapshots=s3://b?endpoint=x&region=y", "Write '&' in the bucket's address as '%26'"),
        ("nats://a/s?region=y", "unknown option 'region'; known are replicas, credentials, snapshots$"),
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
