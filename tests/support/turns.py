"""Short turns of a document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pycrdt import Doc

from protobase_live.document import Document, Judge, Scope
from protobase_live.model.operations import Op


@dataclass(frozen=True)
class Peer:
    """Who sends updates."""

    author: str | None = None
    echo: bool = False
    judge: Judge | None = None


PEER = Peer()


def limited_to(**limits: Any) -> Judge:
    """The judge of who may write one scope; see `Scope`."""
    return Judge(scopes=(Scope(**limits),))


def written_by(write: Callable[[Doc], None]) -> bytes:
    """What a Yjs client writes, as one update."""
    doc: Doc = Doc()
    write(doc)
    return doc.get_update()


def carry_out(document: Document, *ops: Op) -> bytes:
    """One turn with one transaction; its update."""
    with document.writing():
        document.write(document.rehearse(ops))
    outcome = document.finish()
    assert outcome is not None
    return outcome.update


def received(document: Document, update: bytes) -> None:
    """One turn with an update of a Yjs client."""
    assert document.take(update, PEER)
    document.apply_taken()
    document.finish()
