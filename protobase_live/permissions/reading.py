"""Answers to reads as if nothing were there but what somebody may see."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any

from protobase_live.document import OPEN, kind_at
from protobase_live.errors import Forbidden, RecordMissing
from protobase_live.model.names import RECORDS_NAME
from protobase_live.model.operations import RECORDS, Read, Target
from protobase_live.model.values import quoted
from protobase_live.permissions.sight import Row, Sight
from protobase_live.structures import KINDS, RECORDS_KIND

LOOKED_AT = 250
"""How many records are looked at without a pause."""

Ask = Callable[[Read], Any]


def answer_in_steps(sight: Sight, read: Read, ask: Ask) -> Generator[None, None, Any]:
    """What ``sight`` lets the answer to ``read`` be, with pauses; `OPEN` is a read like others.

    ``ask`` answers from all that there is, which may not change meanwhile. Raises what ``ask`` raises of what
    is seen, Forbidden for a structure that is not, and ValidationError for what can be none.
    """
    kind_at(read.target)
    if read.target == RECORDS and read.method != OPEN:
        return (yield from _of_records(sight, read, ask))
    if read.target.path[0] == RECORDS_NAME:
        return ask(read) if sight.shows_records else _of_field(sight, read, ask)
    if not sight.shows(read.target.path[0]):
        raise Forbidden(f"structure {quoted(read.target.path[0])} may not be read")
    return ask(read)


def _of_records(sight: Sight, read: Read, ask: Ask) -> Generator[None, None, Any]:
    if sight.shows_records:
        return ask(read)
    args = RECORDS_KIND.check_read(read.method, read.args)
    match read.method:
        case "get":
            return sight.row(args[0], ask(read))
        case "contains":
            return sight.row(args[0], ask(Read(RECORDS, "get", args))) is not None
        case "count":
            return (yield from _count(sight, ask))
        case "strays":
            return []
        case _:
            found = yield from _page(sight, ask, *args)
            return found if read.method == "items" else [key for key, _ in found]


def _count(sight: Sight, ask: Ask) -> Generator[None, None, int]:
    count = 0
    for page in _pages(ask, None):
        count += sum(sight.row(*each) is not None for each in page)
        yield
    return count


def _page(sight: Sight, ask: Ask, after: str | None, limit: int) -> Generator[None, None, list[list[Any]]]:
    found: list[list[Any]] = []
    for page in _pages(ask, after):
        seen = ([key, sight.row(key, row)] for key, row in page)
        found += [each for each in seen if each[1] is not None]
        if len(found) >= limit:
            break
        yield
    return found[:limit]


def _pages(ask: Ask, after: str | None) -> Iterator[list[tuple[str, Row]]]:
    """All records behind a key, some at a time."""
    while page := ask(Read(RECORDS, "items", (after, LOOKED_AT))):
        yield page
        after = page[-1][0]


def _of_field(sight: Sight, read: Read, ask: Ask) -> Any:
    """The answer about what merges in a field; one that is not seen is as one that nobody wrote."""
    if read.target == RECORDS or read.target.kind not in KINDS or len(read.target.path) != 3:
        return ask(read)
    _, key, field = read.target.path
    row = sight.row(key, ask(Read(RECORDS, "get", (key,))))
    if row is None:
        raise RecordMissing(no_field(read.target))
    if field in row:
        return ask(read)
    if read.method == OPEN:
        return True
    kind = KINDS[read.target.kind]
    return kind.answer(None, read.method, kind.check_read(read.method, read.args))


def no_field(target: Target) -> str:
    """What is said of a field of a record that does not exist."""
    _, key, field = target.path
    return f"there is no record {key!r}, so it has no field {field!r}"
