"""Real servers, one of each kind for all tests of a process that ask for it."""

from collections.abc import Iterator

import pytest

from tests.support import cloud_servers
from tests.support.cloud_places import VARIABLE


@pytest.fixture(scope="session")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Variables for the session, with credentials that the servers take."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in cloud_servers.CREDENTIALS.items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture(scope="session")
def moto(environment: pytest.MonkeyPatch) -> Iterator[str]:
    with cloud_servers.moto() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def seaweedfs(environment: pytest.MonkeyPatch) -> Iterator[str]:
    with cloud_servers.seaweedfs() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[str]:
    with cloud_servers.fake_gcs() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def on_moto(moto: str, environment: pytest.MonkeyPatch) -> Iterator[str]:
    """The bucket of the module's tests is moto's."""
    yield from _bucket(f"s3://{cloud_servers.BUCKET}?endpoint={moto}")


@pytest.fixture(scope="module")
def on_seaweedfs(seaweedfs: str) -> Iterator[str]:
    """The bucket of the module's tests is SeaweedFS's."""
    yield from bucket_on_seaweedfs(seaweedfs)


@pytest.fixture(scope="module")
def on_fake_gcs(fake_gcs: str) -> Iterator[str]:
    """The bucket of the module's tests is fake-gcs-server's."""
    yield from bucket_on_fake_gcs(fake_gcs)


def bucket_on_seaweedfs(endpoint: str) -> Iterator[str]:
    """Until it goes on, tests use the bucket of the SeaweedFS there."""
    yield from _bucket(f"s3://{cloud_servers.BUCKET}?endpoint={endpoint}")


def bucket_on_fake_gcs(endpoint: str) -> Iterator[str]:
    """Until it goes on, tests use the bucket of the fake-gcs-server there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORAGE_EMULATOR_HOST", endpoint)
        yield from _bucket(f"gs://{cloud_servers.BUCKET}")


def _bucket(url: str) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, url)
        yield url
