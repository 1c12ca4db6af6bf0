"""Google Cloud Storage, through google-cloud-storage (extra ``gcs``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from .cloud.address import CloudAddress
from .cloud.blocking import CALLS_AT_ONCE
from .cloud.objects import ObjectError, Page, Refused, Unanswered
from .errors import StorageError

TIMEOUT = (5.0, 20.0)
"""How long a connection may take, and how long the server may be silent, in seconds."""

PAGE_KEYS = 1000
"""Keys in one answer to a listing."""

BUSY = {408, 429}
"""Statuses after which the same request may succeed, beside 500 and above."""

ADVICE = {
    401: "the credentials have expired or are wrong: see GOOGLE_APPLICATION_CREDENTIALS",
    403: "permit storage.objects.get, .create, .delete and .list (docs/cloud.md)",
    404: "make the bucket first, or correct its name",
}
"""What helps, by the status."""

Result = TypeVar("Result")


class GcsObjects:
    """See `BlockingObjects`. Credentials are found as google-auth finds them."""

    def __init__(self, address: CloudAddress) -> None:
        """Raises `StorageError` without google-cloud-storage, or without credentials."""
        try:
            import requests  # pyright: ignore[reportMissingModuleSource]
            from google.api_core import exceptions
            from google.auth import exceptions as auth
            from google.cloud import storage  # pyright: ignore[reportMissingTypeStubs]
        except ImportError as error:
            raise StorageError(
                f"{address} needs google-cloud-storage, which is not installed: "
                "pip install 'protobase-live[gcs]'"
            ) from error
        self.address = str(address)
        self._start = address.start
        self._exceptions: Any = exceptions
        self._auth: Any = auth
        self._cut: Any = requests.RequestException
        self._damaged: Any = cast(Any, storage).exceptions.DataCorruption
        options = {"api_endpoint": address.endpoint} if address.endpoint else None
        try:
            self._client: Any = cast(Any, storage.Client)(client_options=options)
        except (auth.GoogleAuthError, OSError, ValueError) as error:
            raise StorageError(f"{address}: google-cloud-storage cannot be used: {error}") from error
        adapter = cast(Any, requests).adapters.HTTPAdapter(pool_maxsize=CALLS_AT_ONCE)
        for scheme in ("https://", "http://"):
            self._client._http.mount(scheme, adapter)
        self._bucket: Any = self._client.bucket(address.bucket)

    def put(self, key: str, body: bytes) -> bool:
        """See `ObjectStore.put`."""
        blob = self._bucket.blob(self._start + key)
        try:
            self._call(blob.upload_from_string, body, "application/octet-stream", if_generation_match=0)
        except _Exists:
            return False
        return True

    def overwrite(self, key: str, body: bytes) -> None:
        """See `ObjectStore.overwrite`."""
        blob = self._bucket.blob(self._start + key)
        self._call(blob.upload_from_string, body, "application/octet-stream")

    def get(self, key: str, start: int, length: int | None) -> bytes | None:
        """See `ObjectStore.get`."""
        blob = self._bucket.blob(self._start + key)
        part = {} if length is None else {"start": start, "end": start + length - 1, "checksum": None}
        try:
            return self._call(blob.download_as_bytes, raw_download=True, **part)
        except _Missing:
            self.list(key, "")  # which says so if it is the bucket that is missing
            return None

    def list(self, prefix: str, after: str) -> Page:
        """See `ObjectStore.list`."""
        offset = {"start_offset": self._start + after} if after else {}
        found = self._client.list_blobs(
            self._bucket,
            prefix=self._start + prefix,
            page_size=PAGE_KEYS,
            fields="items(name),nextPageToken",
            timeout=TIMEOUT,
            retry=None,
            **offset,
        )
        page = self._call(self._first_page, found)
        keys = (blob.name[len(self._start) :] for blob in page)
        return Page(tuple(key for key in keys if key != after), found.next_page_token is not None)

    def _first_page(self, found: Any, **_: Any) -> Any:
        return next(found.pages, ())

    def delete(self, keys: Sequence[str]) -> None:
        """See `ObjectStore.delete`. One by one: a batch is answered as a whole, and not by every server."""
        for key in keys:
            with suppress(_Missing):
                self._call(self._bucket.blob(self._start + key).delete)

    def close(self) -> None:
        """See `ObjectStore.close`."""
        self._client.close()

    def _call(self, call: Callable[..., Result], *arguments: Any, **options: Any) -> Result:
        """Once: who asks again is `PatientObjects`."""
        exceptions = self._exceptions
        try:
            return call(*arguments, **options, timeout=TIMEOUT, retry=None)
        except exceptions.PreconditionFailed:
            raise _Exists from None
        except exceptions.GoogleAPICallError as error:
            raise self._error(error.code or 0, error) from error
        except (self._auth.TransportError, self._cut, self._damaged) as error:
            raise Unanswered(f"{self.address}: {error}") from error
        except self._auth.GoogleAuthError as error:
            raise Refused(f"{self.address}: {error} ({ADVICE[401]})") from error

    def _error(self, status: int, error: Exception) -> ObjectError:
        message = f"{self.address}: {error}"
        if status >= 500 or status in BUSY:
            return Unanswered(message)
        kind = _Missing if status == 404 else Refused
        return kind(f"{message} ({ADVICE[status]})" if status in ADVICE else message)


class _Exists(Exception):
    """The object is there."""


class _Missing(Refused):
    """The object, or the bucket, is not there."""
