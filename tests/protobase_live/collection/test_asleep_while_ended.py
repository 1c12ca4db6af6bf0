"""Collections that cannot be loaded are dropped and erased beside what comes for them, and who opens them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from protobase_live.collection import asleep
from protobase_live.collection.limits import Limits
from protobase_live.errors import CollectionUnloadable
from protobase_storage import Commit, Loaded
from tests.support.nodes import HeldAppend, Node, settle

ENDS = pytest.mark.parametrize("end", ["drop", "erase"])


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[Node, Node, list[Commit]]]:
    """One that has written, one that is told, and what that is."""
    a, b = Node("a"), Node("b")
    for n in range(3):
        await a.put("tasks", f"k{n}", n=n)
    yield a, b, await log(a)
    for node in (a, b):
        await node.close()


async def log(node: Node) -> list[Commit]:
    return list((await node.storage.load("tasks")).commits)


async def rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Gate:
    """What a method of a storage is asked waits until it may go on."""

    def __init__(self, storage: Any, method: str) -> None:
        self.asked = 0
        self._go_on = asyncio.Event()
        self._method: Callable[..., Awaitable[object]] = getattr(storage, method)
        setattr(storage, method, self._ask)

    def open(self) -> None:
        self._go_on.set()

    async def _ask(self, *how: Any) -> object:
        self.asked += 1
        await self._go_on.wait()
        return await self._method(*how)


async def fail_to_open(node: Node) -> None:
    """Have it fail once, for a reason that passes; for a while it is not tried again."""

    async def fail(name: str) -> Loaded:
        raise MemoryError("it will pass")

    load, node.storage.load = node.storage.load, fail  # type: ignore[method-assign]
    with pytest.raises(CollectionUnloadable):
        await node.keys("tasks")
    node.storage.load = load  # type: ignore[method-assign]


@ENDS
async def test_it_is_ended_behind_what_is_being_stored(
    nodes: tuple[Node, Node, list[Commit]], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Or that would stand in the history that begins then."""
    _, b, sent = nodes
    await b.storage.append([replace(sent[0], update=b"nonsense")])
    require_readable, go_on, planning = asleep.require_readable, asyncio.Event(), list[Commit]()

    async def slowly(commit: Commit) -> None:
        planning.append(commit)
        await go_on.wait()
        await require_readable(commit)

    monkeypatch.setattr(asleep, "require_readable", slowly)
    storing = asyncio.ensure_future(b.db.replicate({"tasks": sent[1:]}))
    await settle(lambda: planning)
    ending = asyncio.ensure_future(getattr(b.db, end)("tasks"))
    await rounds(500)
    go_on.set()
    await asyncio.gather(storing, ending)
    assert await b.vector("tasks") == {}
    assert await log(b) == []


async def test_nothing_of_the_history_that_ends_is_stored_where_nobody_waits_for_the_end(
    nodes: tuple[Node, Node, list[Commit]],
) -> None:
    _, b, sent = nodes
    await b.storage.append([replace(sent[0], update=b"nonsense")])
    deleting = Gate(b.storage, "delete")
    ending = asyncio.ensure_future(b.db.drop("tasks"))
    await settle(lambda: deleting.asked)
    ending.cancel()
    await asyncio.wait([ending])
    storing = asyncio.ensure_future(b.db.replicate({"tasks": sent[1:]}))
    await rounds(100)
    deleting.open()
    await storing
    assert await log(b) == []


@pytest.mark.parametrize(("end", "method"), [("drop", "delete"), ("erase", "erase")])
async def test_who_opens_it_meanwhile_finds_what_comes_then(
    nodes: tuple[Node, Node, list[Commit]], end: str, method: str
) -> None:
    _, b, sent = nodes
    await b.db.replicate({"tasks": sent})
    await fail_to_open(b)
    ending_it = Gate(b.storage, method)
    ending = asyncio.ensure_future(getattr(b.db, end)("tasks"))
    await settle(lambda: ending_it.asked)
    await b.clock.advance(Limits().unloadable_seconds / 2)
    opening = asyncio.ensure_future(b.keys("tasks"))
    await rounds(300)
    ending_it.open()
    await ending
    assert await opening == []
    await b.put("tasks", "new", n=1)
    assert await b.keys("tasks") == ["new"]


async def test_what_is_in_memory_by_then_is_ended_there(nodes: tuple[Node, Node, list[Commit]]) -> None:
    _, b, sent = nodes
    await b.db.replicate({"tasks": sent[:2]})
    await fail_to_open(b)
    held = HeldAppend(b.storage)
    storing = asyncio.ensure_future(b.db.replicate({"tasks": sent[2:]}))
    await settle(lambda: held.told)
    ending = asyncio.ensure_future(b.db.drop("tasks"))
    await rounds(50)
    await b.clock.advance(Limits().unloadable_seconds / 2)
    opening = asyncio.ensure_future(b.keys("tasks"))
    await rounds(100)
    await held.go_on()
    await asyncio.gather(storing, ending, opening)
    assert await b.keys("tasks") == []
    await b.put("tasks", "new", n=1)
    assert await b.keys("tasks") == ["new"]


async def test_others_do_not_wait_for_the_end(nodes: tuple[Node, Node, list[Commit]]) -> None:
    """Not those either that come together with more of what is ended."""
    a, b, sent = nodes
    await a.put("a", "k", n=0)
    of_a = list((await a.storage.load("a")).commits)
    await b.storage.append([replace(sent[0], update=b"nonsense")])
    erasing_it = Gate(b.storage, "erase")
    erasing = asyncio.ensure_future(b.db.erase("tasks"))
    await settle(lambda: erasing_it.asked)
    together = asyncio.ensure_future(b.db.replicate({"a": of_a, "tasks": sent}))
    await rounds(50)
    alone = asyncio.ensure_future(b.db.replicate({"a": of_a}))
    await settle(alone.done)
    opening = asyncio.ensure_future(b.keys("a"))
    await settle(opening.done)
    assert opening.result() == ["k"]
    erasing_it.open()
    await asyncio.gather(erasing, together)
