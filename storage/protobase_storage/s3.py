"""Amazon S3, and what speaks its protocol, through boto3 (extra ``s3``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from .cloud.address import CloudAddress
from .cloud.blocking import CALLS_AT_ONCE
from .cloud.objects import ObjectError, Page, Refused, Unanswered
from .errors import StorageError

CONNECT_SECONDS = 5
"""How long a connection may take."""

READ_SECONDS = 20
"""How long the server may be silent."""

BUSY = {
    "SlowDown",
    "RequestTimeout",
    "RequestTimeoutException",
    "ConditionalRequestConflict",
    "OperationAborted",
}
"""Errors after which the same request may succeed, beside those with status 429 and 500 and above."""

ADVICE = {
    "NoSuchBucket": "make the bucket first, or correct its name or the endpoint",
    "ExpiredToken": "the credentials have expired: get new ones",
    "TokenRefreshRequired": "the credentials have expired: get new ones",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID or the profile",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY or the profile",
    "RequestTimeTooSkewed": "set this machine's clock",
    "AccessDenied": "permit s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (docs/cloud.md)",
}
"""What helps, by the error's code."""

Result = TypeVar("Result")


class S3Objects:
    """See `BlockingObjects`. Credentials are found as boto3 finds them."""

    def __init__(self, address: CloudAddress) -> None:
        """Raises `StorageError` without boto3, or where its configuration cannot be used."""
        try:
            import boto3  # pyright: ignore[reportMissingTypeStubs]
            from botocore import config, exceptions  # pyright: ignore[reportMissingTypeStubs]
        except ImportError as error:
            raise StorageError(
                f"{address} needs boto3, which is not installed: pip install 'protobase-live[s3]'"
            ) from error
        self.address = str(address)
        self._bucket = address.bucket
        self._start = address.start
        self._exceptions: Any = exceptions
        self._cut: Any = (
            exceptions.HTTPClientError,
            exceptions.ConnectionError,
            exceptions.IncompleteReadError,
        )
        settings = config.Config(
            retries={"total_max_attempts": 1},  # who asks again is `PatientObjects`
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            max_pool_connections=CALLS_AT_ONCE,
        )
        try:
            session = cast(Any, boto3).session.Session()
            self._client: Any = session.client(
                "s3", endpoint_url=address.endpoint, region_name=address.region, config=settings
            )
        except (exceptions.BotoCoreError, ValueError) as error:
            raise StorageError(f"{address}: boto3 cannot be used: {error}") from error

    def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        try:
            self._call(self._client.put_object, Key=self._start + key, Body=body, IfNoneMatch="*")
        except _Exists:
            return False
        return True

    def overwrite(self, key: str, body: bytes) -> None:
        """See `ObjectStore.overwrite`."""
        self._call(self._client.put_object, Key=self._start + key, Body=body)

    def get(self, key: str, start: int, length: int | None) -> bytes | None:
        """See `ObjectStore.get`."""
        part = {} if length is None else {"Range": f"bytes={start}-{start + length - 1}"}
        return self._call(self._read, Key=self._start + key, **part)

    def _read(self, **request: Any) -> bytes | None:
        try:
            return self._client.get_object(**request)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            return None

    def list(self, prefix: str, after: str) -> Page:
        """See `ObjectStore.list`."""
        request = {"Prefix": self._start + prefix} | ({"StartAfter": self._start + after} if after else {})
        found = self._call(self._client.list_objects_v2, **request)
        keys = [each["Key"][len(self._start) :] for each in found.get("Contents", ())]
        return Page(tuple(keys), found["IsTruncated"])

    def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`."""
        objects = [{"Key": self._start + key} for key in keys]
        found = self._call(self._client.delete_objects, Delete={"Objects": objects, "Quiet": True})
        for error in found.get("Errors", ()):
            raise self._error(error.get("Code", ""), 0, f"{error.get('Code')}: {error.get('Message')}")

    def close(self) -> None:
        """See `ObjectStore.close`."""
        self._client.close()

    def _call(self, call: Callable[..., Result], **request: Any) -> Result:
        exceptions = self._exceptions
        try:
            return call(Bucket=self._bucket, **request)
        except exceptions.ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if status == 412:
                raise _Exists from None
            raise self._error(code, status, str(error)) from error
        except self._cut as error:
            raise Unanswered(f"{self.address}: {error}") from error
        except exceptions.BotoCoreError as error:  # no credentials, or none that are whole
            raise Refused(f"{self.address}: {error}") from error

    def _error(self, code: str, status: int, message: str) -> ObjectError:
        if status >= 500 or status == 429 or code in BUSY:
            return Unanswered(f"{self.address}: {message}")
        advice = ADVICE.get(code)
        return Refused(f"{self.address}: {message}" + (f" ({advice})" if advice else ""))


class _Exists(Exception):
    """The object is there."""
