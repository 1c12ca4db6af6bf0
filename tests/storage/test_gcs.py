"""What Google Cloud Storage answers, and what comes of it."""

import builtins

import pytest

from protobase_storage import StorageError
from protobase_storage.cloud.address import CloudAddress
from protobase_storage.cloud.objects import Refused, Unanswered
from protobase_storage.gcs import GcsObjects
from tests.support.object_answers import answering

ERROR = '{"error": {"code": %d, "message": "because"}}'


def objects_at(monkeypatch: pytest.MonkeyPatch, endpoint: str, prefix: str = "") -> GcsObjects:
    """The bucket of a server that asks for no credentials."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", endpoint)
    return GcsObjects(CloudAddress("gs", "bucket", prefix))


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_what_may_help_to_ask_again(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    with answering(status, ERROR % status) as (endpoint, requests):
        objects = objects_at(monkeypatch, endpoint, "some/prefix")
        with pytest.raises(Unanswered, match=r"^gs://bucket/some/prefix: .*because"):
            objects.put("wal/1", b"x")
        with pytest.raises(Unanswered):
            objects.list("wal/", "")
        of_objects = [each for each in requests if "/bucket/o?" in each]  # it looks at the bucket once, too
        assert len(of_objects) == 2  # the library asks once: who asks again is elsewhere


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "credentials have expired or are wrong"),
        (403, "permit storage.objects.get"),
        (404, "make the bucket"),
    ],
)
def test_what_is_refused_says_what_helps(monkeypatch: pytest.MonkeyPatch, status: int, advice: str) -> None:
    with answering(status, ERROR % status) as (endpoint, _):
        objects = objects_at(monkeypatch, endpoint)
        for call in (
            lambda: objects.put("k", b"x"),
            lambda: objects.get("k", 0, None),
            lambda: objects.list("wal/", ""),
        ):
            with pytest.raises(Refused, match=advice):
                call()


def test_a_connection_that_is_cut_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(0, "") as (endpoint, _):
        objects = objects_at(monkeypatch, endpoint)
        with pytest.raises(Unanswered, match="gs://bucket"):
            objects.put("k", b"x")
    with pytest.raises(Unanswered, match="gs://bucket"):
        objects.get("k", 0, 5)


def test_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    with pytest.raises(StorageError, match=r"/nowhere/key\.json"):
        GcsObjects(CloudAddress("gs", "bucket", ""))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = builtins.__import__

    def without(name: str, *arguments: object) -> object:
        if name == "google.cloud":
            raise ImportError(name)
        return right(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(StorageError, match=r"pip install 'protobase-live\[gcs\]'"):
        GcsObjects(CloudAddress("gs", "bucket", ""))
