"""Where workers store, and whether fewer may be started."""

from pathlib import Path

import pytest

from protobase_live.errors import ValidationError
from protobase_live.workers.stores import Stores, require_no_workers


@pytest.mark.parametrize("storage", ["memory:", "s3://bucket/prefix", "file:"])
def test_only_folders_are_shared_by_workers(storage: str) -> None:
    with pytest.raises(ValidationError, match="below file:PATH"):
        Stores(storage)


def test_fewer_are_started_only_where_the_first_one_has_all(tmp_path: Path) -> None:
    storage = f"file:{tmp_path}"
    stores = Stores(storage)
    assert [stores.of(0), stores.of(2)] == [storage, f"file:{tmp_path}/workers/2"]
    require_no_workers(storage)
    for number in (1, 2):
        (tmp_path / "workers" / str(number)).mkdir(parents=True)
    for fewer in (0, 1, 2):
        with pytest.raises(ValidationError, match=r"workers/2 may hold commits .* --workers 3"):
            stores.check(fewer)
    stores.check(3)
    stores.settle()
    for fewer in (0, 1):
        stores.check(fewer)
    stores.check(2)
    stores.check(0)  # nobody has begun
    stores.use(1)
    stores.check(0)  # nobody but the first one
    stores.use(2)
    with pytest.raises(ValidationError, match="--workers 3"):
        stores.check(1)
