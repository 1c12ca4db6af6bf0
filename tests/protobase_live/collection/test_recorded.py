"""What a collection's code runs for is told, and what a process died of is not taken."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pycrdt import Text

from protobase_live.collection.messages import Updates
from protobase_live.collection.recorder import Doing, recorded
from protobase_live.database.database import Database
from protobase_live.errors import CollectionUnloadable
from protobase_storage import MemoryStorage
from tests.protobase_live.conftest import YjsClient


class Recorder:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Doing] = []
        self.running: Doing | None = None
        self.refused: set[bytes] = set()
        self.suspects: set[bytes] = set()
        self.left_alone: set[str] = set()

    def begin(self, doing: Doing) -> None:
        assert self.running is None, "nothing else runs meanwhile"
        self.running = doing
        if doing not in self.told:
            self.told.append(doing)

    def end(self) -> None:
        self.running = None

    def refusal(self, message: Updates) -> str | None:
        return "somebody died of it" if self.refused & set(message.updates) else None

    def is_suspect(self, message: Updates) -> bool:
        return bool(self.suspects & set(message.updates))

    def unloadable(self, collection: str) -> str | None:
        return f"{collection} kills" if collection in self.left_alone else None

    @property
    def sent(self) -> list[list[list[bytes]]]:
        """The updates of each message of each turn that had any."""
        return [[list(each.updates) for each in doing.sent] for doing in self.told if doing.sent]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def typing(ref: Any, text: str) -> YjsClient:
    """A client that has typed something."""
    client = YjsClient(ref)
    client.doc.get("text", type=Text).insert(0, text)
    return client


async def test_only_what_runs_is_recorded(recorder: Recorder) -> None:
    seen: list[Doing | None] = []
    doing = Doing("turn", "c")

    async def work() -> None:
        seen.append(recorder.running)
        await asyncio.sleep(0)
        seen.append(recorder.running)
        try:
            await asyncio.Event().wait()
        finally:
            seen.append(recorder.running)

    async def run() -> None:
        await recorded(recorder, doing, work())

    task = asyncio.create_task(run())
    for _ in range(3):
        await asyncio.sleep(0)
        assert recorder.running is None, "it waits"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == [doing] * 3


async def test_loads_and_turns_are_told_with_what_was_sent(recorder: Recorder) -> None:
    async with Database(MemoryStorage()) as db:
        db.recorder = recorder
        ref = await db.ref("tasks")
        one, other = typing(ref, "a"), typing(ref, "b")
        updates = [one.doc.get_update(), other.doc.get_update()]
        await asyncio.gather(*(ref.ask(Updates(one, [each])) for each in updates))
        assert recorder.told[0].what == "load"
        assert recorder.sent == [[[updates[0]], [updates[1]]]], "one turn"
        recorder.suspects.add(updates[1])
        await asyncio.gather(*(ref.ask(Updates(one, [each])) for each in [*updates, updates[0]]))
        assert recorder.sent[1:] == [[[updates[0]]], [[updates[1]]], [[updates[0]]]], "the suspect is alone"


async def test_what_a_process_died_of_is_refused_and_the_rest_of_the_turn_is_not(recorder: Recorder) -> None:
    async with Database(MemoryStorage()) as db:
        db.recorder = recorder
        ref = await db.ref("tasks")
        guilty, innocent = typing(ref, "deadly"), typing(ref, "kept")
        recorder.refused.add(guilty.doc.get_update())
        await asyncio.gather(
            *(ref.ask(Updates(each, [each.doc.get_update()])) for each in (guilty, innocent))
        )
        assert str(guilty.rejected) == "somebody died of it"
        assert innocent.rejected is None
        assert await (await db.collection("tasks")).text("text").value() == "kept"


async def test_a_collection_that_kills_is_not_loaded(recorder: Recorder) -> None:
    async with Database(MemoryStorage()) as db:
        db.recorder = recorder
        recorder.left_alone.add("poisoned")
        with pytest.raises(CollectionUnloadable, match="poisoned kills"):
            await (await db.collection("poisoned")).keys()
        assert await (await db.collection("sound")).keys() == []
        assert [each.collection for each in recorder.told if each.what == "load"] == ["sound"]
