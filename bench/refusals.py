"""What judging updates costs: where no rule exists, where one does, and where it refuses.

``python -m bench.refusals``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from time import process_time

from pycrdt import Array, Doc, Map, Text

import protobase_live as pb
from protobase_live.document import Document, Judge, Rules, Scope
from protobase_live.protocol.steps import at_once

UPDATES = 3_000
TIMES = 3
RECORDS = 1_000


class Task(pb.Atom):
    title: str
    done: bool = False


class Sender:
    """A Yjs client as a document sees it."""

    author = "ann"

    def __init__(self, judge: Judge | None) -> None:
        self.judge = judge


def written(doc: Doc, edit: Callable[[int], None], count: int) -> list[bytes]:
    """The updates of so many edits, one for each."""
    updates: list[bytes] = []
    watch = doc.observe(lambda event: updates.append(event.update))
    for number in range(count):
        edit(number)
    doc.unobserve(watch)
    return updates


def begun() -> tuple[Doc, bytes]:
    doc: Doc = Doc()
    with doc.transaction():
        records = doc.get("records", type=Map)
        for number in range(RECORDS):
            records[f"t{number}"] = Map({"title": "Write", "done": False})
        doc.get("body", type=Text).insert(0, "x" * 1_000)
    return doc, doc.get_update()


def microseconds(before: bytes, updates: Sequence[bytes], rules: Rules, judge: Judge | None) -> float:
    """CPU of one update, as turns of 50: taken, applied, finished."""
    found: list[float] = []
    for _ in range(TIMES):
        document, sender = Document("node", rules=rules), Sender(judge)
        at_once(document.load([before]))
        start = process_time()
        for first in range(0, len(updates), 50):
            for update in updates[first : first + 50]:
                document.take(update, sender)
            document.apply_taken()
            document.finish()
        found.append((process_time() - start) / len(updates) * 1e6)
        document.close()
    return median(found)


def keystrokes(count: int = UPDATES) -> tuple[bytes, list[bytes]]:
    doc, before = begun()
    body = doc.get("body", type=Text)
    return before, written(doc, lambda number: body.insert(1_000 + number, "a"), count)


def titles(count: int = UPDATES) -> tuple[bytes, list[bytes]]:
    doc, before = begun()
    records = doc.get("records", type=Map)

    def edit(number: int) -> None:
        records[f"t{number % RECORDS}"].update({"title": str(number)})

    return before, written(doc, edit, count)


def the_largest_that_is_put_back() -> None:
    """As many values as may be put back, each a struct of its own, two clients taking turns."""
    docs: list[Doc] = [Doc(), Doc()]
    for number in range(20_000):
        doc, other = docs[number % 2], docs[1 - number % 2]
        doc.get("list", type=Array).append(number)
        if number % 2:
            other.apply_update(doc.get_update(other.get_state()))
            doc.apply_update(other.get_update(doc.get_state()))
    before = docs[0].get_update()
    document = Document("node")
    at_once(document.load([before]))
    deleted = docs[0].get_state()
    docs[0].get("list", type=Array).clear()
    update, start = docs[0].get_update(deleted), process_time()
    document.take(update, Sender(Judge(read_only=True)))
    print(f"20,000 values deleted, refused and put back: {process_time() - start:.2f} s")


def main() -> None:
    ways = {
        "no rule": (Rules(), None),
        "a schema": (Rules(Task), None),
        "fields": (Rules(), Judge(scopes=(Scope(fields=frozenset({"title"})),))),
        "refused": (Rules(), Judge(read_only=True)),
    }
    for what, edits in (("a character typed", keystrokes), ("a title set", titles)):
        before, updates = edits()
        for name, (rules, judge) in ways.items():
            print(f"{what}, {name}: {microseconds(before, updates, rules, judge):.1f} us")
    the_largest_that_is_put_back()


if __name__ == "__main__":
    main()
