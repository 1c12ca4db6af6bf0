from tests.support.cloud_fixtures import environment, fake_gcs, on_fake_gcs, on_seaweedfs, seaweedfs
from tests.support.fixtures import node, server

__all__ = ["environment", "fake_gcs", "node", "on_fake_gcs", "on_seaweedfs", "seaweedfs", "server"]
