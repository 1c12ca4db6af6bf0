from tests.support.cloud_fixtures import (
    environment,
    fake_gcs,
    moto,
    on_fake_gcs,
    on_moto,
    on_seaweedfs,
    seaweedfs,
)

__all__ = ["environment", "fake_gcs", "moto", "on_fake_gcs", "on_moto", "on_seaweedfs", "seaweedfs"]
