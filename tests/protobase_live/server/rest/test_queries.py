"""Queries over REST."""

from __future__ import annotations

import pytest

import protobase_live as pb
from tests.support.asgi_client import call

TO = "/api/v1/query"


async def test_as_text_and_as_json(rest, database) -> None:
    tasks = await database.collection("tasks")
    for n in range(4):
        await tasks.insert({"n": n}, key=str(n))
    rows = [{"_key": "3", "n": 3}, {"_key": "2", "n": 2}]
    text = {"query": "tasks where n >= :least order by -n", "params": {"least": 2}}
    assert (await call(rest, "POST", TO, text)).json == {"rows": rows}
    form = pb.Query("tasks").where(pb.F.n >= 2).order_by("-n").to_json()
    assert (await call(rest, "POST", TO, {"query": form})).json == {"rows": rows}
    explained = await call(rest, "POST", TO, {"query": form, "explain": True})
    assert set(explained.json["explanation"]) == {"name", "detail", "rows", "inputs"}


async def test_a_parameter_without_a_value(rest) -> None:
    answer = await call(rest, "POST", TO, {"query": "tasks where n = :n"})
    assert (answer.status, answer.error) == (400, "ValidationError")


@pytest.mark.parametrize("deep", ["[" * 2_000 + "]" * 2_000, "[" * 200 + "]" * 200])
async def test_a_parameter_of_a_named_query_that_is_nested_too_deeply(rest, deep) -> None:
    answer = await call(rest, "GET", f"/api/v1/named/open?p={deep}")
    assert (answer.status, answer.error) == (400, "ValidationError")
    assert "nested" in answer.json["error"]["message"]
