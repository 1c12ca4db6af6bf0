"""Where the collections of one transaction wait for each other."""

from __future__ import annotations

import asyncio

import pytest

from protobase_live.collection.meeting import Contribution, Meeting
from protobase_live.errors import Conflict, Unavailable
from protobase_storage import Commit, StorageClosed, StorageOutdated
from tests.protobase_live.conftest import settle


class Disk:
    """A storage that takes everything, and remembers it."""

    shared = False

    def __init__(self) -> None:
        self.appends: list[list[Commit]] = []
        self.error: Exception | None = None

    def append(self, commits: list[Commit]) -> asyncio.Future[None]:
        if self.error is not None:
            raise self.error
        self.appends.append(commits)
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        durable.set_result(None)
        return durable


class Line:
    """A pipeline as a meeting sees it."""

    failed = False
    loss: BaseException | None = None


def contribution(name: str, line: Line, *, writes: bool = True) -> Contribution:
    commits = [Commit("n", 1, name, b"\x00\x00", (), 0.0)] if writes else []
    return Contribution(name, commits, writes, line)


async def started(*work) -> list[asyncio.Task]:
    tasks = [asyncio.ensure_future(each) for each in work]
    await settle()
    return tasks


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
async def meeting(disk: Disk) -> Meeting:
    return Meeting(disk, 2)


async def test_nobody_begins_before_all_are_held(meeting: Meeting) -> None:
    one, other = await started(meeting.begun(), meeting.begun())
    assert not one.done()
    meeting.begin()
    assert (await one, await other) == (True, True)


async def test_one_that_could_not_be_held_ends_it(meeting: Meeting) -> None:
    (one,) = await started(meeting.begun())
    meeting.dissolve()
    meeting.begin()
    assert await one is False


async def test_all_have_to_agree(meeting: Meeting) -> None:
    (one,) = await started(meeting.agree())
    assert not one.done()
    assert await meeting.agree()
    assert await one


async def test_one_refuses_for_all(meeting: Meeting) -> None:
    one, outcome = await started(meeting.agree(), meeting.outcome())
    meeting.refuse(Conflict("b changed"))
    meeting.refuse(Conflict("too late"))
    assert await one is False
    assert await outcome is None
    assert str(meeting.refusal) == "b changed"


async def test_everything_is_stored_at_once_in_the_order_of_names(meeting: Meeting, disk, line) -> None:
    await started(meeting.agree(), meeting.agree())
    (one,) = await started(meeting.store(contribution("b", line)))
    assert (one.done(), disk.appends) == (False, [])
    await meeting.store(contribution("a", line))
    assert [[commit.collection for commit in batch] for batch in disk.appends] == [["a", "b"]]
    assert await meeting.outcome() == ["a", "b"]


async def test_who_only_reads_stores_nothing(meeting: Meeting, disk, line) -> None:
    await started(meeting.agree(), meeting.agree())
    await started(*[meeting.store(contribution(name, line, writes=name == "b")) for name in "ab"])
    assert [[commit.collection for commit in batch] for batch in disk.appends] == [["b"]]
    assert await meeting.outcome() == ["b"]


async def test_nobody_who_writes_nothing_needs_the_storage(meeting: Meeting, disk, line) -> None:
    await started(meeting.agree(), meeting.agree())
    one, other = await started(*[meeting.store(contribution(name, line, writes=False)) for name in "ab"])
    assert (await one, await other, disk.appends) == (None, None, [])


async def test_who_fails_before_all_agree_refuses(meeting: Meeting) -> None:
    (one,) = await started(meeting.agree())
    meeting.fail("b", RuntimeError("a mistake"))
    assert await one is False
    assert "b failed" in str(meeting.refusal)


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), asyncio.CancelledError()])
async def test_who_fails_after_that_takes_all_with_it(meeting: Meeting, disk, line, error) -> None:
    await started(meeting.agree(), meeting.agree())
    one, outcome = await started(meeting.store(contribution("a", line)), meeting.outcome())
    meeting.fail("b", error)
    for each in (one, outcome):
        with pytest.raises(Unavailable, match="nothing was done"):
            await each
    assert disk.appends == []


async def test_who_fails_when_it_is_stored_changes_nothing(meeting: Meeting, line) -> None:
    await started(meeting.agree(), meeting.agree())
    one, _ = await started(*[meeting.store(contribution(name, line)) for name in "ab"])
    meeting.fail("b", RuntimeError("a mistake"))
    assert await meeting.outcome() == ["a", "b"]
    assert one.exception() is None


async def test_nothing_is_stored_behind_what_is_lost(meeting: Meeting, disk, line) -> None:
    await started(meeting.agree(), meeting.agree())
    line.failed = True
    parts = await started(*[meeting.store(contribution(name, line)) for name in "ab"])
    for part in parts:
        with pytest.raises(Unavailable, match="a failed and is loaded again; nothing was done"):
            await part
    assert disk.appends == []


async def test_behind_what_others_outran_all_are_outrun(meeting: Meeting, disk, line) -> None:
    await started(meeting.agree(), meeting.agree())
    line.failed, line.loss = True, StorageOutdated({"a": {"n": 1}})
    for part in await started(*[meeting.store(contribution(name, line)) for name in "ab"]):
        durable = await part
        assert durable is not None
        with pytest.raises(StorageOutdated):
            await durable
    assert disk.appends == []


async def test_a_storage_that_takes_nothing_fails_all(meeting: Meeting, disk, line) -> None:
    disk.error = StorageClosed("closed")
    await started(meeting.agree(), meeting.agree())
    for part in await started(*[meeting.store(contribution(name, line)) for name in "ab"]):
        with pytest.raises(Unavailable, match="nothing was done"):
            await part


async def test_one_who_gives_up_takes_nobody_along(meeting: Meeting) -> None:
    one, other = await started(meeting.begun(), meeting.begun())
    one.cancel()
    await settle()
    meeting.begin()
    assert await other
