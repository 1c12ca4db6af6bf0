"""What a collection lacks of a document that is brought to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from protobase_live.cli.portable import MAX_PART_BYTES
from protobase_live.errors import ValidationError
from protobase_live.protocol.yjs.structs import EMPTY_UPDATE, Structs


def missing_from(there: Structs, document: Structs, name: str, *, merge: bool = False) -> Sequence[bytes]:
    """What the collection ``name``, which holds ``there``, lacks of ``document``, in updates.

    Raises ValidationError if it holds something that the document has not, unless it has all of that, too, or
    both are to ``merge``.
    """
    if is_part_of(document, there):
        return []
    if merge or not there.vector or is_part_of(there, document):
        return list(_parts(document, there.vector))
    raise ValidationError(f"collection {name!r} is not empty: it holds what is not imported")


def is_part_of(some: Structs, whole: Structs) -> bool:
    """Whether ``whole`` has all that ``some`` has."""
    copy = Structs()
    copy.take(whole.encode(), lenient=True)
    copy.settle()
    return copy.take(some.encode(), lenient=True) is None and copy.settle()[0] == EMPTY_UPDATE


def _parts(document: Structs, known: Mapping[int, int]) -> Iterator[bytes]:
    """What somebody with the state vector ``known`` lacks of a document, in updates that a server takes."""
    complete = False
    while not complete:
        update, known, complete = document.slice(known, MAX_PART_BYTES)
        yield update
