"""What S3 answers, and what comes of it."""

import builtins
from pathlib import Path

import pytest

from protobase_storage import StorageError
from protobase_storage.cloud.address import CloudAddress
from protobase_storage.cloud.objects import Refused, Unanswered
from protobase_storage.s3 import S3Objects
from tests.support.cloud_servers import CREDENTIALS
from tests.support.object_answers import answering


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def error(code: str) -> str:
    """An error as S3 writes it."""
    return f"<Error><Code>{code}</Code><Message>because</Message></Error>"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (503, "SlowDown"),
        (500, "InternalError"),
        (429, "TooManyRequests"),
        (409, "ConditionalRequestConflict"),
        (400, "RequestTimeout"),
    ],
)
def test_what_may_help_to_ask_again(status: int, code: str) -> None:
    with answering(status, error(code)) as (endpoint, requests):
        objects = S3Objects(CloudAddress("s3", "bucket", "some/prefix", endpoint))
        with pytest.raises(Unanswered, match=rf"^s3://bucket/some/prefix: .*{code}.*because"):
            objects.put("wal/1", b"x")
        assert requests == ["PUT /bucket/some/prefix/wal/1"]  # boto3 asks once: who asks again is elsewhere


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (400, "ExpiredToken", "the credentials have expired: get new ones"),
        (403, "InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", "set this machine's clock"),
        (403, "AccessDenied", "permit s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket"),
        (404, "NoSuchBucket", "make the bucket first"),
    ],
)
def test_what_is_refused_says_what_helps(status: int, code: str, advice: str) -> None:
    with answering(status, error(code)) as (endpoint, _):
        objects = S3Objects(CloudAddress("s3", "bucket", "", endpoint))
        for call in (
            lambda: objects.put("k", b"x"),
            lambda: objects.get("k", 0, None),
            lambda: objects.list("wal/", ""),
            lambda: objects.delete(["k"]),
        ):
            with pytest.raises(Refused, match=f"{code}.*{advice}"):
                call()


def test_a_key_that_may_not_be_deleted_is_told() -> None:
    told = "<Key>k</Key><Code>AccessDenied</Code><Message>no</Message>"
    with (
        answering(200, f"<DeleteResult><Error>{told}</Error></DeleteResult>") as (endpoint, _),
        pytest.raises(Refused, match="AccessDenied: no"),
    ):
        S3Objects(CloudAddress("s3", "bucket", "", endpoint)).delete(["k"])


def test_a_connection_that_is_cut_or_refused() -> None:
    with answering(0, "") as (endpoint, _):
        objects = S3Objects(CloudAddress("s3", "bucket", "", endpoint))
        with pytest.raises(Unanswered, match="s3://bucket"):
            objects.put("k", b"x")
    with pytest.raises(Unanswered, match="Could not connect"):
        objects.get("k", 0, 5)


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    objects = S3Objects(CloudAddress("s3", "bucket", "", "http://127.0.0.1:9", "us-east-1"))
    with pytest.raises(Refused, match="Unable to locate credentials"):
        objects.put("k", b"x")


def test_an_endpoint_that_is_none() -> None:
    with pytest.raises(StorageError, match=r"boto3 cannot be used.*nowhere"):
        S3Objects(CloudAddress("s3", "bucket", "", "nowhere"))


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    right = builtins.__import__

    def without(name: str, *arguments: object) -> object:
        if name == "boto3":
            raise ImportError(name)
        return right(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StorageError, match=r"pip install 'protobase-live\[s3\]'"):
        S3Objects(CloudAddress("s3", "bucket", ""))
