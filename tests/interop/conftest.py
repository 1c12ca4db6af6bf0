from tests.support.cloud_fixtures import environment, fake_gcs, seaweedfs
from tests.support.fixtures import node, server

__all__ = ["environment", "fake_gcs", "node", "seaweedfs", "server"]
