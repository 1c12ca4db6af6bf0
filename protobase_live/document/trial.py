"""One update of somebody who is bound by rules: applied, judged by what it comes to, and put back if refused.

Nobody is shown anything before the turn is over and durable, so what is put back by then was never there. The
structs of a refused update stay, because their author goes on counting from them, but without what they held.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import NamedTuple

from protobase_live.document.content import BrokenDocument, Content, Touched
from protobase_live.document.judge import Effect, Effects, Judge
from protobase_live.document.own import take_written
from protobase_live.document.renewal import APPLY_SLICE_BYTES, apply_news
from protobase_live.document.scopes import Row
from protobase_live.errors import MalformedUpdate
from protobase_live.model import values
from protobase_live.model.names import RECORDS_NAME
from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.structs import Structs
from protobase_live.protocol.yjs.structs import Touched as Places

APART_STRUCTS = 1_000
"""Most structs, new or deleted, of an update that is told one by one: each takes a Yjs transaction."""

APART_WORK = 500_000
"""The same, times the clients that the document has: which of them say something new is asked each time."""


class Verdict(NamedTuple):
    """What became of an update."""

    touched: Touched
    """What it has changed; nothing if it was refused."""
    refusal: str | None


def judge_in_steps(
    structs: Structs, content: Content, judge: Judge, most: int
) -> Generator[None, None, Verdict]:
    """Apply what was taken since the last flush, ask the judge, and put it back if he refuses it.

    At most so many clocks are put back. Raises BrokenDocument for more, where pycrdt fails, and where that
    does not come to what was there before.
    """
    places = yield from structs.touched_in_steps()
    if not judge.binds(places.spots):
        yield from apply_news(structs, content)
        return Verdict((yield from content.read_changed()), None)
    new = {client: Ranges([start], [structs.vector[client]]) for client, start in places.starts.items()}
    with closing(content.undoing(places.spots)) as undoing, content.looking() as look:
        shown = yield from content.hash_roots(name for name in places.losing if name != RECORDS_NAME)
        yield from apply_news(structs, content, _slice_bytes(places, len(structs.vector)))
        touched = yield from content.read_changed()
        changed = {key: (before, look.fields[key]) for key, before in look.before.items()}
        refusal, gone = judge.refusal(_effects(content, changed, places)), undoing.gone()
    if refusal is None:
        yield from _redact(structs, content, _unseen(new, gone))
        return Verdict(touched, None)
    if sum(map(_clocks, gone.values())) > most:
        raise BrokenDocument(f"{refusal}; and more than {most} clocks were to be put back (put_back_clocks)")
    own = structs.vector.get(content.client_id, 0)
    with content.recording():
        yield from undoing.undo()
    try:
        yield from take_written(structs, content)
    except (MalformedUpdate, BrokenDocument) as error:
        raise BrokenDocument(f"{refusal}; and it cannot be put back: {error}") from error
    # What was deleted after it had been brought back may hold what is refused.
    passing = structs.deleted_from(content.client_id, own)
    yield from _redact(structs, content, new | passing)
    with content.looking():
        yield from content.read_changed()
    content.count_changed()
    yield from _require_as_before(structs, content, look.before, shown)
    return Verdict({}, refusal)


def _slice_bytes(places: Places, clients: int) -> int:
    """How much of an update is told in one Yjs transaction, in a document of so many clients.

    What was under a key of a type is not put back where the same transaction has replaced it and deleted the
    type: pycrdt writes it behind what replaced it, which others look for in the deleted type. In one
    transaction for each struct, it goes back from one to the next.
    """
    few = places.size <= APART_STRUCTS and places.size * clients <= APART_WORK
    return 1 if places.buries and few else APPLY_SLICE_BYTES


def _unseen(new: Mapping[int, Ranges], gone: Mapping[int, Ranges]) -> dict[int, Ranges]:
    """What is new and was never seen: it came too late, and is judged by nobody."""
    late = {
        client: gone[client].split(ranges.starts[0])[1] for client, ranges in new.items() if client in gone
    }
    return {client: ranges for client, ranges in late.items() if ranges.ends}


def _redact(structs: Structs, content: Content, gone: Mapping[int, Ranges]) -> Generator[None, None, None]:
    if gone:
        yield from structs.redact_in_steps(gone)
        yield from apply_news(structs, content)


def _clocks(ranges: Ranges) -> int:
    return sum(end - start for start, end in ranges)


def judge_anew(
    content: Content, before: Mapping[str, Row], touched: Touched, judge: Judge, places: Places
) -> str | None:
    """What a judge says of an update for which the content was made anew, from rows that were ``before``."""
    keys = [key for structure, key in touched if structure == "records" and key is not None]
    changed = {key: (was := before.get(key), _changed(was, content.rows.get(key))) for key in keys}
    return judge.refusal(_effects(content, changed, places))


def _effects(
    content: Content, changed: Mapping[str, tuple[Row | None, frozenset[str] | None]], places: Places
) -> Effects:
    rows, strays = content.rows, content.strays
    records = [
        Effect(key, before, rows.get(key), fields, key in strays) for key, (before, fields) in changed.items()
    ]
    return Effects(records, places.spots)


def _changed(before: Row | None, after: Row | None) -> frozenset[str] | None:
    """The fields in which two rows differ; None where one of them is none."""
    if before is None or after is None:
        return None
    names = {**before, **after}
    return frozenset(name for name in names if not values.same(before.get(name), after.get(name)))


def _require_as_before(
    structs: Structs, content: Content, records: Mapping[str, Row | None], shown: Mapping[str, bytes]
) -> Generator[None, None, None]:
    """Records by what they read, and other roots by their digests (`Content.hash_roots`)."""
    same = not structs.halved and all(values.same(row, content.rows.get(key)) for key, row in records.items())
    if not same or (yield from content.hash_roots(shown)) != shown:
        raise BrokenDocument("the update is refused, and cannot be put back")
