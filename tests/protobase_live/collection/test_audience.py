"""What a turn says, and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import ItemsView
from types import SimpleNamespace
from typing import Any

import pytest

from protobase_actors import Envelope, ManualClock
from protobase_live.changes.feed import Feed
from protobase_live.changes.streams import Streams
from protobase_live.collection.audience import Audience
from protobase_live.collection.limits import Limits
from protobase_live.collection.messages import ShownUpdate, Subscribe
from protobase_live.collection.turn import (
    AppliedCommit,
    Greeting,
    Parting,
    Receipt,
    Refusal,
    Renewal,
    Reply,
    Settled,
    Subscribing,
    Turn,
)
from protobase_live.errors import Conflict
from protobase_live.live.table_change import JointChange
from protobase_live.model.cursor import Cursor
from protobase_live.query.engine.table import Table
from protobase_storage import Commit


class Editor:
    """A Yjs client that writes down what it is told."""

    author = None
    echo = False
    judge = None

    def __init__(self) -> None:
        self.told: list[object] = []

    def greet(self, state: bytes) -> None:
        self.told.append(("greet", state))

    def settle(self, mark: bytes | None) -> None:
        self.told.append(("settle", mark))

    def show(self, shown: ShownUpdate) -> bool:
        self.told.append(("show", shown.update))
        return True

    def resync(self) -> None:
        self.told.append("resync")


@pytest.fixture
def audience() -> Audience:
    audience = Audience(
        "tasks", Streams(ManualClock(), Feed(10, 10_000), 1.0, lambda watched: None), Limits()
    )
    audience.begin({"n": 4}, {})
    return audience


def asked(message: object = None) -> tuple[Envelope, asyncio.Future[object]]:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    return Envelope(message, answer), answer


def written(sequence: int) -> AppliedCommit:
    return AppliedCommit(Commit("n", sequence, "tasks", b"\x00\x00", (), 0.0), (), {})


async def test_a_receipt_has_the_cursor_behind_the_commits_of_its_turn(audience: Audience) -> None:
    envelope, answer = asked()
    audience.show(Turn([written(5), written(6)], [Receipt(envelope)]))
    assert Cursor.decode(await answer).vector == {"n": 6}


async def test_what_is_said_comes_in_order_behind_the_commits(audience: Audience) -> None:
    editor = Editor()
    audience.editors.met[editor] = None
    audience.show(Turn([written(5)], [Greeting(editor, b"\x00"), Settled(editor, b"m"), Parting(editor)]))
    assert editor.told == [("greet", b"\x00"), ("settle", b"m")]
    assert not audience.is_listening


async def test_who_asked_is_answered_or_told_why_not(audience: Audience) -> None:
    (one, answer), (other, refusal) = asked(), asked()
    audience.show(Turn(notices=[Reply(one, 5), Refusal(other, Conflict("changed"))]))
    assert await answer == 5
    with pytest.raises(Conflict, match="changed"):
        await refusal


async def test_a_stream_begins_behind_what_was_shown(audience: Audience) -> None:
    stream = object()
    envelope, answer = asked(Subscribe(stream))
    audience.streams.add(stream)
    audience.show(Turn([written(5)], [Renewal(), Subscribing(envelope, stream)]))
    watched = await answer
    assert watched.vector == {"n": 5}
    assert audience.is_listening


async def test_a_stream_that_was_given_up_is_forgotten(audience: Audience) -> None:
    stream = object()
    envelope, _ = asked(Subscribe(stream))
    envelope.withdraw()
    audience.streams.add(stream)
    audience.show(Turn(notices=[Subscribing(envelope, stream)]))
    assert not audience.is_listening


async def test_nobody_waits_for_a_part_that_will_not_be_shown(audience: Audience) -> None:
    joint_change = JointChange()
    joint_change.expect()
    joint_change.expect()
    audience.drop(Turn([written(5), written(6)], joint_change=joint_change))
    assert joint_change.missing == 1


async def test_whoever_is_left_has_to_begin_again(audience: Audience) -> None:
    editor = Editor()
    audience.editors.met[editor] = None
    audience.end()
    assert editor.told == ["resync"]


async def test_a_turn_can_be_printed_and_compared(audience: Audience) -> None:
    editor = Editor()
    turn = Turn([written(5)], [Settled(editor, b"m")])
    assert turn == Turn([written(5)], [Settled(editor, b"m")])
    assert "sequence=5" in repr(turn)
    assert "mark=b'm'" in repr(turn)


class ReadRows(dict[str, dict[str, int]]):
    """Rows of records that count how many of them were read."""

    read = 0

    def __getitem__(self, key: str) -> dict[str, int]:
        self.read += 1
        return super().__getitem__(key)

    def items(self) -> ItemsView[str, dict[str, int]]:
        self.read += len(self)
        return super().items()


async def test_what_queries_begin_with_is_read_with_pauses(monkeypatch) -> None:
    monkeypatch.setattr("protobase_live.collection.audience.BEGIN_RECORDS", 10)
    rows = ReadRows({f"k{n}": {"n": n} for n in range(95)})
    views: Any = SimpleNamespace(table=Table)
    replica: Any = SimpleNamespace(document=SimpleNamespace(records=rows), indexes=tuple)
    audience = Audience("tasks", Streams(ManualClock(), Feed(10, 10_000), 1.0, lambda told: None), Limits())
    beginning = asyncio.ensure_future(audience.beginning(views, replica))
    steps: list[int] = []
    while not beginning.done():
        before = rows.read
        await asyncio.sleep(0)
        steps.append(rows.read - before)
    found = beginning.result()
    assert found is not None
    assert len(found.table.rows) == rows.read == 95
    assert max(steps) == 10
