"""Taking what was stored or written here into the structs of a document."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

from protobase_live.document.content import BrokenDocument, Content
from protobase_live.protocol.yjs.structs import Rest, Structs

SLICE_BYTES = 8 * 1024
"""A larger update is taken with pauses; a keystroke may be 15 bytes."""


def in_slices(updates: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Updates in a row, as many at a time as may be taken between two pauses."""
    part, size = list[bytes](), 0
    for update in updates:
        part.append(update)
        size += len(update)
        if size >= SLICE_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def take_own(structs: Structs, update: bytes, *, lenient: bool) -> Generator[None, None, Rest | None]:
    """Take what was stored or written here: a keystroke the short way, a large update with pauses."""
    if len(update) <= SLICE_BYTES:
        return structs.take(update, lenient=lenient)
    return (yield from structs.take_in_steps(update, lenient=lenient))


def take_written(structs: Structs, content: Content) -> Generator[None, None, None]:
    """Take what was written into the content, each of its portions followed by a pause.

    Raises BrokenDocument where the content shows something of it that nobody else ever will.
    """
    written, content.written = content.written, []
    start = structs.vector.get(content.client_id, 0)
    for update in written:
        yield from take_own(structs, update, lenient=False)
        yield
    if written:
        structs.skip_flush()  # the content has it
        if structs.has_garbage(content.client_id, start):
            # pycrdt can write behind something that is in another, deleted type, where others look for it.
            raise BrokenDocument("what was written here is inside something that is deleted")
