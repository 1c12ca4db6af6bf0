"""What the live door has of a database."""

from __future__ import annotations

import subprocess
import sys

import pytest

import protobase_live as pb
from protobase_live.errors import ValidationError
from protobase_live.query.language.form import to_form
from protobase_live.server.live_database import query_of

IMPORTING = """
import asyncio, sys
from protobase_live.server.live_database import have_queries

async def others():
    global rounds
    while True:
        await asyncio.sleep(0)
        rounds += 1

async def main():
    beside = asyncio.ensure_future(others())
    await asyncio.sleep(0)
    before = "protobase_live.live.views" in sys.modules
    await asyncio.gather(have_queries(), have_queries())
    print(before, "protobase_live.live.views" in sys.modules, rounds > 20)

rounds = 0
asyncio.run(main())
"""


def test_others_run_while_what_answers_queries_is_imported() -> None:
    found = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True", "True"]


def test_a_query_is_a_form_or_a_text() -> None:
    query = pb.Query("tasks").where(pb.F.n > 1)
    assert query_of(to_form(query)) == query_of("tasks where n > 1") == query
    with pytest.raises(ValidationError, match="did you mean 'limit'"):
        query_of("tasks limt 3")
    with pytest.raises(ValidationError):
        query_of(3)
