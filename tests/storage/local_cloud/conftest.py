from tests.support.cloud_fixtures import environment, fake_gcs, on_fake_gcs

__all__ = ["environment", "fake_gcs", "on_fake_gcs"]
