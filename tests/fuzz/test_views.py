"""A view that is filled while transactions commit, and asked by subscribers that are behind."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.live.holding import Holding
from protobase_live.live.limits import ViewLimits
from protobase_live.live.view import View
from protobase_live.live.view_cursor import Step
from protobase_live.query.engine.operator import RecordChange
from protobase_live.query.engine.plan import plan_push
from protobase_live.query.engine.table import Table
from tests.support.query_cases import Case, cases, whole_cases
from tests.support.query_data import after, difference
from tests.support.query_live import applied
from tests.support.query_oracle import answer, equal

NODE = "node"
"""The origin of all commits."""


class Filling:
    """A view with the tables that it is filled from, step by step."""

    def __init__(self, case: Case, retained: int) -> None:
        query = case.query.bind(case.params)
        self.case = case
        self.data = case.data
        self.tables = {name: Table(name) for name in query.collections}
        self.commits = 0
        self.view = View(
            query,
            plan_push(query),
            self.vectors,
            retained=retained,
            holding=Holding(ViewLimits(view_rows=1_000)),
        )
        self.records = [
            (name, change)
            for name, table in self.tables.items()
            for change in table.apply(case.data.get(name, {}).items())
        ]
        self.rest = iter(self.records)
        self.is_open = False

    def vectors(self) -> dict[str, dict[str, int]]:
        """How far the collections are."""
        return {name: {NODE: self.commits} for name in self.tables}

    def fill(self, steps: int) -> None:
        """Take in a few more of the records that there were at the beginning."""
        for name, change in islice(self.rest, steps):
            self.view.fill({name: [change]})

    def open(self) -> None:
        """Take in the others."""
        self.fill(len(self.records))
        self.view.open()
        self.is_open = True

    def commit(self, number: int) -> None:
        """Show a transaction of the case."""
        before, self.data = self.data, after(self.data, self.case.transactions[number])
        self.commits += 1
        changes: dict[str, list[RecordChange]] = {}
        for name, changed in difference(before, self.data).items():
            if name in self.tables:
                changes[name] = list(self.tables[name].apply(changed))
        step = Step({NODE: self.commits - 1}, {NODE: self.commits})
        self.view.show(changes, dict.fromkeys(changes, step))


@cases(100)
@given(
    whole_cases(),
    st.lists(st.integers(0, 6), min_size=5, max_size=5),
    st.integers(0, 5),
    st.sampled_from([256, 0, 2, 5]),
)
def test_a_view_tells_each_subscriber_what_it_missed(
    case: Case, steps: list[int], opened: int, retained: int
) -> None:
    """``steps`` of filling stand between the transactions; after ``opened`` of them the view is open."""
    filling = Filling(case, retained)
    view = filling.view
    readers: list[tuple[int, str, list[dict]]] = []
    for number in range(len(case.transactions) + 1):
        if number == min(opened, len(case.transactions)):
            filling.open()
        expected = answer(case.query, filling.data, case.params)
        if filling.is_open:
            for position, cursor, rows in readers:
                assert equal(applied(view.since(position), rows), expected)
                seen = view.seen(cursor)
                assert seen is not None
                assert equal(applied(view.since(view.position(seen)), rows), expected)
            first = view.since(None)
            assert equal(applied(first, []), expected)
            readers.append((view.end, first.cursor, expected))
        else:
            filling.fill(steps[number])
        if number < len(case.transactions):
            filling.commit(number)
