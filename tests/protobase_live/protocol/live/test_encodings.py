"""What many are told is encoded once."""

from __future__ import annotations

import gc
import weakref

import pytest

from protobase_live.protocol.live.codec import CODECS, Codec, JsonCodec
from protobase_live.protocol.live.encodings import OVERHEAD_BYTES, Encodings


class Told:
    """Something that is told."""


def never() -> object:
    raise AssertionError("it is made again")


@pytest.mark.parametrize("codec", CODECS.values())
def test_it_is_made_once_for_the_same_object(codec: Codec) -> None:
    encodings, row = Encodings(codec, 10_000), {"n": 1}
    first = encodings.of(row, lambda: row)
    assert encodings.of(row, never) is first
    assert encodings.of({"n": 1}, lambda: {"n": 2}).form == {"n": 2}, "an equal one is another"


@pytest.mark.parametrize("codec", CODECS.values())
def test_a_row_stands_behind_any_head(codec: Codec) -> None:
    encodings, row = Encodings(codec, 10_000), {"n": 1, "text": "é", "tags": {1}}
    for head in (["insert", 3], ["move", 1, 2]):
        frame = codec.encode_long({"type": "t"}, "changes", 1, [encodings.behind(head, row)])
        assert frame == codec.encode({"type": "t", "changes": [[*head, row]]})
        assert codec.encode_items([[*head, row]]) == encodings.alone([*head, row])


def test_so_many_bytes_are_kept_the_oldest_goes_first() -> None:
    size = OVERHEAD_BYTES + len(b'"a"')
    encodings = Encodings(JsonCodec(), 2 * size)
    told = [Told() for _ in range(3)]
    for each in told:
        encodings.of(each, lambda: "a")
    assert encodings.of(told[0], lambda: "b").form == "b"
    assert encodings.of(told[2], never).form == "a"
    assert encodings.of(told[1], lambda: "c").form == "c"


def test_what_is_too_large_is_not_kept_and_puts_out_nothing() -> None:
    encodings = Encodings(JsonCodec(), OVERHEAD_BYTES + 10)
    small, large = Told(), Told()
    encodings.of(small, lambda: "a")
    encodings.of(large, lambda: "x" * 20)
    assert encodings.of(small, never).form == "a"
    assert encodings.of(large, lambda: "again").form == "again"


def test_what_is_kept_is_not_taken_for_another_object_in_its_place() -> None:
    encodings, told = Encodings(JsonCodec(), 10_000), Told()
    encodings.of(told, lambda: "a")
    alive = weakref.ref(told)
    del told
    gc.collect()
    assert alive() is not None, "its id is nobody else's while its encoding is kept"
