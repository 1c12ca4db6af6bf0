"""Who acknowledges commits before they are in the bucket, which may therefore lack some of them."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import astuple, dataclass

from ..errors import StorageFormatError
from ..packing import pack, unpack
from .keys import MARKS, mark_key, number_of
from .objects import ObjectStore, create, list_all

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """One that is there from before the first such commit until all of them are uploaded.

    `epoch` is that of the writer's takeover, `folder` the identity of what is in its folder, `place` says to
    people where that is.
    """

    epoch: int
    folder: str
    place: str


async def add_mark(store: ObjectStore, mark: Mark) -> None:
    """Create it. Raises `ObjectError`, `StorageFormatError`."""
    if await create(store, mark_key(mark.epoch), pack(astuple(mark))) is not None:
        raise StorageFormatError(f"{store.address} has another object {mark_key(mark.epoch)!r}")


async def read_marks(store: ObjectStore) -> tuple[Mark, ...]:
    """All that are there, the oldest first. Raises `ObjectError`."""
    return await marks_of(store, await list_all(store, MARKS))


async def marks_of(store: ObjectStore, keys: Iterable[str]) -> tuple[Mark, ...]:
    """`read_marks`, among keys that were listed. Raises `ObjectError`."""
    found: list[Mark] = []
    for key in keys:
        if (epoch := number_of(key)) and (body := await store.get(key)) is not None:
            found.append(_mark(epoch, body))
    return tuple(found)


async def remove_marks(store: ObjectStore, marks: Iterable[Mark]) -> None:
    """Delete them. Raises `ObjectError`."""
    if keys := [mark_key(mark.epoch) for mark in marks]:
        await store.delete(keys)


def tell_marks(store: ObjectStore, marks: Iterable[Mark]) -> None:
    """Have the log say what may be lacking."""
    for mark in marks:
        _log.warning(
            "%s may lack commits that %s has acknowledged and not uploaded: start a server there on that "
            "folder; if it is lost, delete object %r to be told no more",
            store.address,
            mark.place,
            mark_key(mark.epoch),
            extra={"event": "commits_may_lack"},
        )


def _mark(epoch: int, body: bytes) -> Mark:
    """What it says; one that is damaged still says that something may be lacking."""
    try:
        return Mark(*unpack(body))
    except (TypeError, ValueError):
        return Mark(epoch, "?", "somebody, whom a damaged object names,")
