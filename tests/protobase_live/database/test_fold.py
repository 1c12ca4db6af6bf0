"""Folding keeps what a log says and leaves out what was deleted."""

from __future__ import annotations

import pytest
from pycrdt import Doc, Text

from protobase_live.database import fold as folding
from protobase_live.database.fold import INLINE_BYTES, fold, fold_aside
from protobase_live.errors import StorageFailed
from protobase_live.protocol.structs import Structs


def session(runs: int, size: int) -> tuple[list[bytes], str]:
    doc: Doc = Doc()
    updates: list[bytes] = []
    subscription = doc.observe(lambda event: updates.append(event.update))
    text = doc.get("body", type=Text)
    for n in range(runs):
        text.insert(len(text), chr(97 + n % 26) * size)
        if n % 3 == 2:
            del text[:size]
    doc.unobserve(subscription)
    return updates, str(text)


def body(update: bytes) -> str:
    doc: Doc = Doc()
    doc.apply_update(update)
    return str(doc.get("body", type=Text))


def test_a_folded_log_says_the_same_in_less() -> None:
    updates, text = session(90, 100)
    folded = fold(updates)
    assert body(folded) == text
    assert len(folded) < sum(map(len, updates))


async def test_a_large_log_is_folded_by_a_process_of_its_own() -> None:
    updates, text = session(60, INLINE_BYTES // 40)
    assert body(await fold_aside(updates)) == text


async def test_a_process_that_fails_says_why(monkeypatch) -> None:
    monkeypatch.setattr(folding, "INLINE_BYTES", 0)
    with pytest.raises(StorageFailed, match=r"exit code 1: .*MalformedUpdate"):
        await fold_aside([b"no update at all"])


def test_half_a_character_takes_one_clock() -> None:
    """pycrdt's own encoding has the whole character in the place of its half."""
    doc: Doc = Doc(client_id=1)
    doc.get("body", type=Text).insert(0, "🙂")
    emoji = doc.get_update()
    between = bytes([1, 1, 2, 0]) + b"\xc4\x01\x00\x01\x01\x01x\x00"
    without = b"\x00\x01\x01\x01\x00\x01"
    folded = Structs()
    assert folded.take(fold([emoji, between, without])) is None
    assert folded.vector == {1: 2, 2: 1}
    assert body(fold([emoji, between])) == "\ufffdx\ufffd"
    assert body(fold([emoji, between, without])) == "x\ufffd"
