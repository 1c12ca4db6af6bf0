"""What judging updates costs: where no rule exists, where one does, and where it refuses.

``python -m bench.refusals``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import process_time

from pycrdt import Array, Doc, Map, Text

import protobase_live as pb
from protobase_live.document import Document, Judge, Rules, Scope
from protobase_live.protocol.steps import at_once
from tests.support.taking import take_at_once

UPDATES = 15_000
SLICE = 500
"""Updates of one document before the next has its turn, so that what else the machine does meets them all."""
RECORDS = 1_000


Way = tuple[Rules, Judge | None]


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


class Written:
    """A document that is written by somebody who is bound by rules."""

    def __init__(self, before: bytes, rules: Rules, judge: Judge | None) -> None:
        self.document = Document("node", rules=rules)
        self.sender = Sender(judge)
        at_once(self.document.load([before]))

    def microseconds(self, updates: Sequence[bytes]) -> float:
        """CPU of one update, as turns of 50: taken, applied, finished."""
        fresh = [bytes(bytearray(update)) for update in updates]  # else their hashes are known
        start = process_time()
        for first in range(0, len(fresh), 50):
            for update in fresh[first : first + 50]:
                take_at_once(self.document, update, self.sender)
            self.document.apply_taken()
            self.document.finish()
        return (process_time() - start) / len(fresh) * 1e6


def measured(before: bytes, updates: Sequence[bytes], ways: Mapping[str, Way]) -> dict[str, list[float]]:
    """The microseconds of an update in each slice, of documents that take turns."""
    found = {name: list[float]() for name in ways}
    documents = {name: Written(before, *way) for name, way in ways.items()}
    for first in range(0, len(updates), SLICE):
        for name, each in documents.items():
            found[name].append(each.microseconds(updates[first : first + SLICE]))
    for each in documents.values():
        each.document.close()
    return found


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
    take_at_once(document, update, Sender(Judge(read_only=True)))
    print(f"20,000 values deleted, refused and put back: {process_time() - start:.2f} s")


def main() -> None:
    some = Judge(scopes=(Scope(fields=frozenset({"title"})),))
    ways: dict[str, Way] = {
        "no rule": (Rules(), None),
        "a schema": (Rules(Task), None),
        "fields": (Rules(), some),
        "both": (Rules(Task), some),
    }
    for what, edits in (("a character typed", keystrokes), ("a title set", titles)):
        before, updates = edits()
        found = measured(before, updates, ways)
        for name, each in found.items():
            more = median(one - none for one, none in zip(each, found["no rule"], strict=True))
            print(f"{what}, {name}: {median(each):.1f} us, {more:+.1f}")
        refused = measured(before, updates[:3_000], {"refused": (Rules(), Judge(read_only=True))})
        print(f"{what}, refused: {median(refused['refused']):.0f} us")
    the_largest_that_is_put_back()


if __name__ == "__main__":
    main()
