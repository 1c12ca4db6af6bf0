"""Arguments of another type than their own are named, with what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import protobase_live as pb


class Task(pb.Atom):
    title: str


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": None}, "takes an address as a text, 'memory:', 'file:PATH'"),
        ({"url": Path("d")}, "takes an address as a text"),
        ({"url": "memory:", "author": 5}, "author"),
        ({"url": "memory:", "schemas": [Task]}, "schemas are a dict such as {'tasks': Task}, not"),
    ],
)
def test_open(given: dict[str, Any], said: str) -> None:
    with pytest.raises(pb.ValidationError) as caught:
        pb.open(**given)
    assert said in str(caught.value)


async def test_what_a_database_is_asked() -> None:
    given: Any = [1]
    async with pb.open("memory:") as db:
        with pytest.raises(pb.ValidationError, match=r"params are a dict such as {'name': value}, not"):
            await db.query("tasks where n = :n", given)
        with pytest.raises(pb.ValidationError, match=r"not a cursor: 5 .*pass one that a change carried"):
            async with (await db.collection("tasks")).changes(since=5):  # type: ignore[arg-type]
                pass
        with pytest.raises(pb.ValidationError, match=r"collection 'tasks': .* is not a subclass of Atom"):
            await db.collection("tasks", given)
        with pytest.raises(pb.ValidationError, match="expected 'skip', 'raw' or 'raise'"):
            await db.collection("tasks", Task, on_invalid="skp")  # type: ignore[arg-type]
