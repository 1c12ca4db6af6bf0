"""Who may have acknowledged what is not in the bucket."""

import logging

import pytest

from protobase_storage import StorageFormatError
from protobase_storage.cloud.keys import mark_key
from protobase_storage.cloud.marks import Mark, add_mark, read_marks, remove_marks
from protobase_storage.cloud.simulated import Bucket, SimulatedObjects
from protobase_storage.cloud.storage import CloudStorage
from protobase_storage.cloud.view import CloudView

ONE, OTHER = Mark(2, "a" * 12, "folder '/a' on one"), Mark(10, "b" * 12, "folder '/b' on other")


async def test_marks_are_there_until_they_are_removed() -> None:
    objects = SimulatedObjects(Bucket())
    assert await read_marks(objects) == ()
    await remove_marks(objects, ())
    for mark in (OTHER, ONE):
        await add_mark(objects, mark)
    assert await read_marks(objects) == (ONE, OTHER)
    await remove_marks(objects, (ONE,))
    assert await read_marks(objects) == (OTHER,)


async def test_marks_of_somebody_else_are_noticed() -> None:
    objects = SimulatedObjects(Bucket())
    await add_mark(objects, ONE)
    with pytest.raises(StorageFormatError, match="has another object"):
        await add_mark(objects, Mark(ONE.epoch, OTHER.folder, OTHER.place))


async def test_a_damaged_mark_keeps_nobody_out() -> None:
    bucket = Bucket({mark_key(1): b"x", "ahead/note": b"y"})
    [mark] = await read_marks(SimulatedObjects(bucket))
    assert (mark.epoch, mark.folder) == (1, "?")
    storage = await CloudStorage.open(SimulatedObjects(bucket))
    assert (await storage.stats()).may_lack == 1
    await storage.close()


async def test_who_opens_and_who_looks_is_told_of_others_and_not_of_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bucket = Bucket()
    for mark in (ONE, OTHER):
        await add_mark(SimulatedObjects(bucket), mark)
    storage = await CloudStorage.open(SimulatedObjects(bucket), folder=ONE.folder)
    assert (await storage.stats()).may_lack == 1
    assert [OTHER.place in each.getMessage() for each in caplog.records] == [True]
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        await (await CloudView.open(SimulatedObjects(bucket))).close()
    told = [each.getMessage() for each in caplog.records]
    assert [mark_key(ONE.epoch) in told[0], mark_key(OTHER.epoch) in told[1]] == [True, True]
    await storage.close()
