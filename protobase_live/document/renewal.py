"""Telling a content what is in the structs: all of it anew, or what is new."""

from __future__ import annotations

from collections.abc import Generator

from protobase_live.document.content import Content
from protobase_live.protocol.yjs.structs import Structs

APPLY_SLICE_BYTES = 32 * 1024
"""About how many bytes pycrdt is given at once: small structs may take it 2 us a byte."""


def made_anew(structs: Structs, before: Content) -> Generator[None, None, Content]:
    """Another content of the same document, which was told all structs; with pauses.

    Raises BrokenDocument where pycrdt fails; then it is closed.
    """
    structs.skip_flush()
    structs.halved = False
    content = before.another()
    try:
        for update in structs.parts(APPLY_SLICE_BYTES):
            content.apply(update)
            yield
        content.open_registered()
    except BaseException:
        content.close()
        raise
    return content


def apply_news(
    structs: Structs, content: Content, limit: int = APPLY_SLICE_BYTES
) -> Generator[None, None, None]:
    """Tell a content what is new, ``limit`` bytes at a time, with pauses, unless it has to be made anew.

    What follows half a character that pycrdt has whole goes wrong there, and later updates make it panic.
    Raises BrokenDocument where pycrdt fails.
    """
    if not structs.halved:
        for update in structs.flush_in_steps(limit):
            content.apply(update)
            yield
