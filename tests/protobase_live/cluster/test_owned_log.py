"""How far owned collections are here, as far as it is told, and as it is stored."""

from __future__ import annotations

import asyncio

from protobase_live.cluster.owned_log import OwnedLog
from protobase_live.cluster.proposal import OwnedCommit, Place, Proposal, pack_places, unpack_places
from protobase_live.collection.former import FIRST, Former, History
from protobase_storage import Commit, Joint, MemoryStorage

NEXT = FIRST.next("x")


def commit(sequence: int, collection: str = "c", **after: int) -> Commit:
    return Commit("~owner/1", sequence, collection, b"", (), float(sequence), after)


def place(sequence: int, history: History = FIRST) -> Place:
    return Place("c", history, "~owner/1", sequence)


async def test_it_knows_what_is_stored_and_hears_what_is_shown() -> None:
    storage = MemoryStorage()
    await storage.append([commit(1)])
    log = OwnedLog(storage)
    assert await log.has([place(1)])
    assert not await log.has([place(1), place(2)])
    log.shown("c", [commit(2)])
    assert await log.has([place(2)])
    assert await log.includes("c", {"~owner/1": 2})


async def test_who_waits_goes_on_when_it_is_shown() -> None:
    storage = MemoryStorage()
    log = OwnedLog(storage)
    waiting = asyncio.ensure_future(log.until(lambda: log.has([place(1)])))
    for _ in range(3):
        await asyncio.sleep(0)
        log.shown("other", [commit(1, "other")])
    assert not waiting.done()
    await storage.append([commit(1)])
    log.shown("c", [commit(1)])
    await asyncio.wait_for(waiting, 5)


async def test_commits_fit_behind_each_other() -> None:
    log = OwnedLog(MemoryStorage())
    first, second = OwnedCommit(FIRST, commit(1)), OwnedCommit(FIRST, commit(2))
    assert await log.fits([first, second])
    assert not await log.fits([second])
    assert not await log.fits([OwnedCommit(FIRST, commit(1, **{"x/1": 1}))])
    log.shown("c", [commit(1)])
    assert await log.fits([first, second])


async def test_what_is_over_is_not_waited_for_and_what_is_new_is() -> None:
    storage = MemoryStorage()
    log = OwnedLog(storage)
    assert not await log.has([place(0, NEXT)])
    assert not await log.fits([OwnedCommit(NEXT, commit(1))])
    await storage.delete("c", Former().remains({}, NEXT))
    log.replaced("c")
    assert await log.history("c") == NEXT
    assert await log.has([place(5)])
    assert await log.fits([OwnedCommit(FIRST, commit(9))])
    assert await log.fits([OwnedCommit(NEXT, commit(1))])


async def test_the_last_places_of_the_owner() -> None:
    storage = MemoryStorage()
    await storage.append([commit(1), Commit("a/1", 4, "c", b"", (), 2.0), commit(1, "d")])
    places = await OwnedLog(storage).places(lambda name: name == "c", "~owner")
    assert places == [place(1)]
    assert unpack_places(pack_places(places)) == places


def test_a_proposal_comes_back_as_it_was() -> None:
    made = Commit("~owner/1", 2, "c", b"u", (), 1.5, {"a/1": 3}, Joint("j", ("c", "d")))
    proposal = Proposal((place(1),), (OwnedCommit(NEXT, made),))
    assert Proposal.decode(proposal.encode()) == proposal
    assert proposal.places == (place(2, NEXT),)
