"""A live dashboard: orders joined with customers, grouped by country, the top ten by revenue.

    python examples/dashboard.py                                   # in memory, with orders that come in
    python examples/dashboard.py --url ws://127.0.0.1:8765/live    # on a running server

The board is drawn again whenever an order changes it. Nothing is computed anew for that: each order changes
one group, the group its place, and only what changed in the top ten is told.
"""

from __future__ import annotations

import argparse
import asyncio
from random import Random

import protobase_live as pb
from protobase_live import F

COUNTRIES = ("Brazil", "Canada", "Denmark", "Egypt", "France", "Ghana", "India", "Japan", "Kenya", "Mexico")
COUNTRIES += ("Norway", "Peru", "Poland", "Spain", "Vietnam")


class Customer(pb.Atom):
    """Who buys."""

    country: str


class Order(pb.Atom):
    """What is bought; ``customer`` is a customer's key."""

    __indexes__ = ("customer",)

    customer: str
    cents: int


TOP = (
    pb.Query("orders", Order)
    .join(pb.Query("customers", Customer), on={"customer": "_key"}, as_="buyer")
    .group_by(country=F.buyer.country, revenue=pb.sum(F.cents / 100), orders=pb.count())
    .order_by("-revenue")
    .limit(10)
)


async def sell(db: pb.Database, random: Random, count: int) -> None:
    """Orders come in: each is written with its customer, if that is a new one, in one transaction."""
    orders = await db.collection("orders", Order)
    for _ in range(count):
        name, country = f"c{random.randrange(count)}", random.choice(COUNTRIES)
        async with db.transaction() as tx:
            customers = tx.collection("customers", Customer)
            if await customers.get(name) is None:
                customers.insert(Customer(country=country), key=name)
            tx.collection("orders", Order).insert(Order(customer=name, cents=random.randrange(100, 100_000)))
    if await orders.count() > 10:  # and some are given back
        for key in random.sample(await orders.keys(), 10):
            await orders.delete(key)


def draw(rows: list[dict[str, object]]) -> str:
    """The board as text."""
    lines = [f"{'country':<12}{'orders':>8}{'revenue':>14}"]
    lines += [f"{row['country']:<12}{row['orders']:>8}{row['revenue']:>14,.2f}" for row in rows]
    return "\n".join(lines)


async def show(db: pb.Database, sales: asyncio.Task[None]) -> None:
    """Draw the board whenever it changed, until all sales are made."""
    async with db.live(TOP) as live:
        changed = asyncio.ensure_future(anext(live))
        while not sales.done():
            await asyncio.wait([changed, sales], return_when=asyncio.FIRST_COMPLETED)
            if changed.done():
                print(f"changed rows: {len(changed.result().changes)}\n{draw(live.rows)}\n")
                changed = asyncio.ensure_future(anext(live))
        changed.cancel()
        await sales
        print(f"in the end\n{draw(live.rows)}")


async def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", help="a server's live door; in memory without one")
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    async with pb.connect(given.url) if given.url else pb.open("memory:") as db:
        await show(db, asyncio.create_task(sell(db, Random(given.seed), given.orders)))


if __name__ == "__main__":
    asyncio.run(main())
