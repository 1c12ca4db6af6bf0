"""A collection as its owner sees it, with what is made and not stored yet."""

from __future__ import annotations

from random import Random

import pytest

from protobase_actors import ManualClock
from protobase_live.collection.former import FIRST, Former
from protobase_live.collection.limits import DEFAULT_LIMITS, Limits
from protobase_live.collection.shadow import Shadow
from protobase_live.errors import Conflict, LimitExceeded, RecordExists
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_storage import Commit, MemoryStorage, Snapshot, follows

ORIGIN = "~owner/3"


async def shadow(storage: MemoryStorage, seed: int = 0, limits: Limits = DEFAULT_LIMITS) -> Shadow:
    return await Shadow.load("orders", "~owner", storage, ManualClock(), Random(seed), limits)


def put(key: str, n: int) -> Op:
    return Op(RECORDS, "put", (key, {"n": n}))


def insert(key: str) -> Op:
    return Op(RECORDS, "insert", (key, {}))


async def make(one: Shadow, *ops: Op, checks: tuple[Check, ...] = ()) -> Commit:
    commit = await one.write(await one.prepare(ops, checks), "ann", "3")
    assert commit is not None
    return commit


def saw(key: str, answer: object) -> Check:
    return Check("orders", Read(RECORDS, "get", (key,)), values.digest(answer))


async def test_commits_follow_each_other_before_they_are_stored() -> None:
    storage = MemoryStorage()
    one = await shadow(storage)
    first, second = await make(one, put("k", 1)), await make(one, put("k", 2), checks=(saw("k", {"n": 1}),))
    assert (first.origin, first.sequence, dict(first.after)) == (ORIGIN, 1, {})
    assert second.sequence == 2
    assert follows({ORIGIN: 1}, second)
    assert second.time > first.time
    assert second.parts[0].author == "ann"
    assert (await storage.load("orders")).commits == ()
    await storage.append([first, second])
    again = await shadow(storage, 1)
    assert await again.prepare((), (saw("k", {"n": 2}),)) == []
    one.close()
    again.close()


async def test_what_does_not_hold_is_refused_and_changes_nothing() -> None:
    one = await shadow(MemoryStorage())
    await make(one, put("k", 1))
    with pytest.raises(Conflict, match="orders: the record 'k' changed"):
        await one.prepare((put("k", 5),), (saw("k", None),))
    with pytest.raises(RecordExists):
        await one.prepare((insert("k"),), ())
    assert (await make(one, put("k", 2), checks=(saw("k", {"n": 1}),))).sequence == 2
    one.close()


async def test_it_catches_up_with_what_others_wrote() -> None:
    storage = MemoryStorage()
    one, other = await shadow(storage, 1), await shadow(storage, 2)
    await storage.append([await make(other, put("k", 7))])
    with pytest.raises(Conflict):
        await one.prepare((), (saw("k", {"n": 7}),))
    assert await one.catch_up(storage)
    assert (await make(one, put("k", 8), checks=(saw("k", {"n": 7}),))).sequence == 2
    await storage.compact(Snapshot("orders", b"\0\0", {ORIGIN: 1, "x/1": 3}, 0.0))
    assert not await one.catch_up(storage), "it has to be loaded anew"
    one.close()
    other.close()


async def test_terms_count_on_and_nobody_writes_as_the_same_yjs_client() -> None:
    storage = MemoryStorage()
    one = await shadow(storage, 1)
    await storage.append([await make(one, put("k", 1))])
    later = await shadow(storage, 2)
    commit = await later.write(await later.prepare((put("k", 2),), ()), None, "4")
    assert commit is not None
    assert (commit.origin, commit.sequence, dict(commit.after)) == ("~owner/4", 2, {ORIGIN: 1})
    assert len(later._document.vector) == 2
    one.close()
    later.close()


async def test_limits_are_those_of_the_collection() -> None:
    one = await shadow(MemoryStorage(), limits=Limits(document_bytes=100))
    await make(one, Op(RECORDS, "put", ("k", {"text": "x" * 500})))
    with pytest.raises(LimitExceeded, match="document_bytes"):
        await one.prepare((put("l", 1),), ())
    await make(one, Op(RECORDS, "delete", ("k",)))
    one.close()


async def test_the_owner_counts_anew_in_each_history() -> None:
    """One that begins with a backup has what owners before wrote, and this one may not have all of it yet."""
    storage = MemoryStorage()
    later = FIRST.next("h")
    await storage.delete("orders", Former().remains({}, later))
    commit = await make(await shadow(storage), insert("k"))
    assert (commit.origin, commit.sequence) == ("~owner/h/3", 1)
