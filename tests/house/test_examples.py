"""The examples run, and show what is right."""

from __future__ import annotations

import asyncio
import runpy
from collections import defaultdict
from pathlib import Path
from random import Random

import pytest

import protobase_live as pb

ROOT = Path(__file__).parents[2]


async def test_the_dashboard_shows_the_top_ten(capsys: pytest.CaptureFixture[str]) -> None:
    example = runpy.run_path(str(ROOT / "examples/dashboard.py"))
    async with pb.open("memory:") as db:
        await example["show"](db, asyncio.ensure_future(example["sell"](db, Random(1), 120)))
        orders = await (await db.collection("orders")).items()
        customers = await (await db.collection("customers")).items()
        rows = await db.query(example["TOP"])
    revenue: defaultdict[str, float] = defaultdict(float)
    for order in orders.values():
        revenue[customers[order["customer"]]["country"]] += order["cents"] / 100
    best = sorted(revenue.items(), key=lambda pair: (-round(pair[1], 2), pair[0]))[:10]
    assert [(row["country"], round(row["revenue"], 2)) for row in rows] == [(c, round(r, 2)) for c, r in best]
    *_, end = capsys.readouterr().out.partition("in the end\n")
    assert end == example["draw"](rows) + "\n"
