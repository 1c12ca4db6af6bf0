"""What a collection comes to when it is made anew of what is visible, for the bytes of the rest to go."""

from __future__ import annotations

from collections.abc import Sequence

from pycrdt import Doc, Map

from protobase_actors import Clock
from protobase_live.collection.aside import answer, run_aside
from protobase_live.collection.fold import INLINE_BYTES
from protobase_live.collection.former import CHOSEN_IDS
from protobase_live.collection.limits import Limits
from protobase_live.document.state_hash import hash_state
from protobase_live.errors import StorageFailed
from protobase_live.model.names import RECORDS_NAME
from protobase_live.protocol.steps import at_once
from protobase_live.protocol.yjs.structs import erased, merge


def without_record(updates: Sequence[bytes], key: str, secret: bytes) -> bytes:
    """One update that shows what all of these do, without the record ``key``; see `erased`.

    It is read again, and compared with what the native library shows when that deletes the record.

    Raises:
        MalformedUpdate: one of them is no update.
        StorageFailed: it does not show the same; nothing may be dropped for it.
    """
    whole = merge(updates)
    doc = _read(whole)
    update = erased([whole, _deletes(doc)], (RECORDS_NAME, key), secret, CHOSEN_IDS)
    if _shown(_read(update), key) != _shown(doc, key):
        raise StorageFailed("what is made anew does not show what was there; nothing was erased")
    return update


async def without_record_aside(
    updates: Sequence[bytes], key: str, secret: bytes, clock: Clock, limits: Limits
) -> bytes:
    """`without_record`, in a process of its own if it is large. What fails there is StorageFailed."""
    if sum(map(len, updates)) <= INLINE_BYTES:
        return without_record(updates, key, secret)
    given = list(updates), key, secret
    try:
        return await run_aside(without_record, given, "erasing a record", clock, limits.fold_seconds)
    except TimeoutError as error:
        raise StorageFailed(f"nothing was erased: {error}") from error


def _read(update: bytes) -> Doc[Map[object]]:
    doc: Doc[Map[object]] = Doc()
    doc.apply_update(update)
    return doc


def _deletes(doc: Doc[Map[object]]) -> bytes:
    """All that is deleted, as an update.

    Of values that several set under one key at once, everybody who reads them deletes all but one: it need
    not be written anywhere which, and would be another one if that one were gone.
    """
    return doc.get_update(doc.get_state())


def _shown(doc: Doc[Map[object]], key: str) -> str:
    """The state hash of what is there without a record, which is deleted."""
    records = doc.get(RECORDS_NAME, type=Map)
    if key in records:
        del records[key]
    return at_once(hash_state(doc))


if __name__ == "__main__":
    answer(without_record)
