"""What survives of a folder with a bucket behind it: the conformance suite over fake-gcs-server."""

import pytest

from tests.support.cloud_places import LocalCloudDurability

pytestmark = pytest.mark.usefixtures("on_fake_gcs")


class TestLocalCloudDurability(LocalCloudDurability):
    steps = range(0, 400, 23)
