from collections.abc import Iterator

import pytest

from tests.support.cloud_fixtures import (
    bucket_on_fake_gcs,
    bucket_on_seaweedfs,
    environment,
    fake_gcs,
    seaweedfs,
)
from tests.support.fixtures import node, server

__all__ = ["environment", "fake_gcs", "node", "seaweedfs", "server"]


@pytest.fixture
def on_seaweedfs(seaweedfs: str) -> Iterator[str]:
    """The bucket of this test is SeaweedFS's: the next one of its module may use another."""
    yield from bucket_on_seaweedfs(seaweedfs)


@pytest.fixture
def on_fake_gcs(fake_gcs: str) -> Iterator[str]:
    """The bucket of this test is fake-gcs-server's."""
    yield from bucket_on_fake_gcs(fake_gcs)
