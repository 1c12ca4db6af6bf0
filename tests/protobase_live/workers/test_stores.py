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
    stores.settle(2)
    with pytest.raises(ValidationError, match=r"workers/1 may hold commits .* --workers 2"):
        stores.check(1)
    stores.settle(1)
    for fewer in (0, 1, 2):
        stores.check(fewer)
    stores.check(0)  # nobody has begun
    stores.use(1)
    stores.check(0)  # nobody but the first one
    stores.use(3)
    with pytest.raises(ValidationError, match="--workers 3"):
        stores.check(1)


def test_as_many_as_before_are_started_again_after_any_end(tmp_path: Path) -> None:
    """Three have become two: what the third one had is no reason to refuse two after a crash."""
    stores = Stores(f"file:{tmp_path}")
    for number in (1, 2):
        (tmp_path / "workers" / str(number)).mkdir(parents=True)
        stores.settle(number)
    stores.use(2)
    stores.check(2)
    with pytest.raises(ValidationError, match=r"workers/1 may hold commits .* --workers 2"):
        stores.check(0)
