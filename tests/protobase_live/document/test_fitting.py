"""What a schema makes of what transactions write without a class."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import protobase_live as pb


class Card(pb.Atom):
    title: str = ""
    votes: pb.Counter = 0
    labels: pb.Set[str] = set()  # noqa: RUF012
    steps: pb.List[int] = []  # noqa: RUF012
    body: pb.Text = ""
    stock: pb.CountedSet[str] = {}  # noqa: RUF012


PLAIN = {"votes": 1, "labels": ["a", "a"], "steps": [1], "body": "x", "stock": {"a": 1}}
WHOLE = {**PLAIN, "labels": {"a"}}
AFTER = Card(votes=3, labels={"a", "b"}, steps=[1, 2], body="xy", stock={"a": 1, "b": 1})


@pytest.fixture
async def database() -> AsyncIterator[Any]:
    async with pb.open("memory:", schemas={"cards": Card}) as database:
        yield database


async def _go_on(database: Any, cards: Any) -> Card:
    """What the record is after something was merged into each of its fields."""
    await cards.field("c", "votes").add(2)
    await cards.field("c", "labels").add("b")
    await cards.field("c", "steps").append(2)
    await cards.field("c", "body").append("y")
    await cards.field("c", "stock").add("b")
    return await cards.get("c")


@pytest.mark.parametrize("action", ["insert", "put", "update", "put over numbers"])
async def test_a_plain_value_of_a_field_that_merges_becomes_what_the_schema_says(database, action) -> None:
    untyped, cards = await database.collection("cards"), await database.collection("cards", Card)
    match action:
        case "insert":
            await untyped.insert(PLAIN, key="c")
        case "put over numbers":
            await untyped.put({"title": "x"}, key="c")
            await untyped.put(PLAIN, key="c")
        case "put":
            await untyped.put(PLAIN, key="c")
        case _:
            await untyped.put({}, key="c")
            await untyped.update("c", PLAIN)
    assert await untyped.get("c") == WHOLE
    assert await _go_on(database, cards) == AFTER


async def test_so_it_does_within_a_transaction(database) -> None:
    async with database.transaction() as tx:
        tx["cards"].insert({"votes": 1}, key="c")
        tx["cards"].field("c", "votes", "counter").add(2)
    assert await (await database.collection("cards")).get("c") == {"votes": 3}


async def test_what_is_written_over_it_merges(database) -> None:
    """Two nodes that count from the same number would disagree if it were a plain one."""
    untyped, cards = await database.collection("cards"), await database.collection("cards", Card)
    await cards.put(Card(**WHOLE), key="c")
    await untyped.put(PLAIN, key="c")
    await untyped.update("c", labels=["a", "c"])
    assert (await cards.get("c")).labels == {"a", "c"}
    await cards.field("c", "labels").remove("c")
    assert await _go_on(database, cards) == AFTER


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"votes": "1"}, "its field 'votes'"),
        ({"labels": [1]}, "its field 'labels'"),
        ({"steps": {1}}, "its field 'steps'"),
        ({"stock": {"a": 0}}, r"cards: record 'c'\['stock'\]\['a' \(str\)\] is 0; expected a positive int"),
        ({"labels": [f"{n}" for n in range(10_001)]}, "at most 10000 are allowed"),
    ],
)
async def test_what_cannot_be_one_is_refused(database, fields, said) -> None:
    untyped = await database.collection("cards")
    with pytest.raises(pb.ValidationError, match=said):
        await untyped.put(fields, key="c")
    assert not await untyped.contains("c")
