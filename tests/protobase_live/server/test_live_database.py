"""What the live door has of a database."""

from __future__ import annotations

import subprocess
import sys

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
