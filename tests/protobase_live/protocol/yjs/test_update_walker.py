"""The walker reads whatever a Yjs client writes, and says what is wrong with everything else."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText, merge_updates

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs import update_walker
from protobase_live.protocol.yjs.delete_set import DeleteSet
from protobase_live.protocol.yjs.ranges import Ranges
from protobase_live.protocol.yjs.struct import MAX_CLOCK, Struct
from protobase_live.protocol.yjs.update_walker import FEW_RANGES, STEP_STRUCTS, Walker
from protobase_live.protocol.yjs.varint import varuint, varuints
from tests.support import yjs_encoding as yjs

ROOT = b"\x01\x01t"
"""Parent information: the root named t."""


def single(struct: bytes, deletes: bytes = b"\x00") -> bytes:
    """An update of one struct of client 5, at clock 3."""
    return b"\x01\x01\x05\x03" + struct + deletes


def walked(update: bytes) -> Walker:
    walker = Walker(update)
    walker.walk()
    return walker


def read(update: bytes) -> Struct:
    """The one struct of `single`; its bytes are what was given."""
    (struct,) = walked(update).clients[5]
    assert (struct.clock, struct.start, struct.end) == (3, 4, len(update) - 1)
    return struct


@pytest.mark.parametrize(
    ("struct", "length", "neighbours", "place", "content_bytes"),
    [
        (b"\x04" + ROOT + b"\x01a", 1, (None, None), ("t", None), 2),
        (b"\x84\x05\x02\x02ab", 2, ((5, 2), None), (None, None), 3),
        (b"\x44\x07\x09\x02ab", 2, (None, (7, 9)), (None, None), 3),
        (b"\xc4\x05\x02\x07\x09\x02\xc3\xa9", 1, ((5, 2), (7, 9)), (None, None), 3),
        (b"\x84\x05\x02\x04\xf0\x9f\x98\x80", 2, ((5, 2), None), (None, None), 5),
        (b"\x28" + ROOT + b"\x01k\x01\x7d\x05", 1, (None, None), ("t", "k"), 3),
        (b"\x28\x00\x07\x02\x01k\x01\x77\x01v", 1, (None, None), ((7, 2), "k"), 4),
        (b"\x28\x00\x07\x02\x00\x01\x7e", 1, (None, None), ((7, 2), ""), 2),
        (b"\xa8\x05\x02\x01\x7e", 1, ((5, 2), None), (None, None), 2),
        (b"\x88\x05\x02\x02\x78\x79", 2, ((5, 2), None), (None, None), 3),
        (b"\x88\x05\x02\x01\x7c\x00\x00\x00\x00", 1, ((5, 2), None), (None, None), 6),
        (b"\x88\x05\x02\x01\x76\x01\x01a\x75\x01\x7f", 1, ((5, 2), None), (None, None), 8),
        (b"\x01" + ROOT + b"\x07", 7, (None, None), ("t", None), 1),
        (b"\x83\x05\x02\x00", 1, ((5, 2), None), (None, None), 1),
        (b"\x85\x05\x02\x07{\"a\":1}", 1, ((5, 2), None), (None, None), 8),
        (b"\x86\x05\x02\x04bold\x04true", 1, ((5, 2), None), (None, None), 10),
        (b"\x07" + ROOT + b"\x03\x01p", 1, (None, None), ("t", None), 3),
        (b"\x09" + ROOT + b"\x01g\x76\x00", 1, (None, None), ("t", None), 4),
        (b"\x00\x02", 2, (None, None), (None, None), 1),
    ],
)  # fmt: skip
def test_reads_a_struct(struct: bytes, length: int, neighbours, place, content_bytes: int) -> None:
    update = single(struct)
    found = read(update)
    assert found.info == struct[0]
    assert found.length == length
    assert (found.origin, found.right) == neighbours
    assert (found.parent, found.sub) == place
    assert found.end - found.content == content_bytes


def test_reads_one_struct_behind_the_other() -> None:
    walker = walked(
        b"\x02\x03\x05\x00\x04" + ROOT + b"\x01a\x0a\x04\x84\x05\x04\x01b\x01\x07\x02\x00\x03\x00"
    )
    assert list(walker.clients) == [5, 7]
    assert [(each.clock, each.length) for each in walker.clients[5]] == [(0, 1), (1, 4), (5, 1)]
    assert [(each.clock, each.length) for each in walker.clients[7]] == [(2, 3)]


@pytest.mark.parametrize(
    ("update", "deletes"),
    [
        (b"\x00\x00", []),
        (b"\x00\x01\x05\x01\x02\x03", [(5, 2, 5)]),
        (b"\x00\x01\x05\x02\x02\x03\x05\x01", [(5, 2, 6)]),
        (b"\x00\x02\x05\x02\x02\x03\x09\x01\x06\x01\x00\x01", [(5, 2, 5), (5, 9, 10), (6, 0, 1)]),
    ],
)
def test_reads_what_is_deleted(update: bytes, deletes: Sequence[tuple[int, int, int]]) -> None:
    assert deleted(walked(update)) == deletes


def deleted(walker: Walker) -> list[tuple[int, int, int]]:
    return [(client, start, end) for client, ranges in walker.deletes.items() for start, end in ranges]


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (b"", "cut off"),
        (b"\x00", "cut off"),
        (b"\x00\x00\x00", "1 bytes left over at byte 2"),
        (b"\x7f\x00\x00", "127 clients cannot fit"),
        (b"\x01\x7f\x05\x00\x00\x01\x00", "127 structs cannot fit"),
        (b"\x01\x00\x05\x00\x00", "has no structs"),
        (b"\x02\x01\x05\x00\x00\x01\x01\x05\x09\x00\x01\x00", "client 5 appears twice"),
        (single(b"\x00\x00"), "length 0"),
        (single(b"\x04" + ROOT + b"\x00"), "length 0"),
        (single(b"\x0a\x03"), "end with a gap"),
        (single(b"\x00\xff\xff\xff\xff\x07"), "exceeds"),
        (single(b"\x00" + b"\xff" * 8 + b"\x01"), "too long"),
        (b"\x01\x01" + b"\xff" * 7 + b"\x10\x00\x00\x01\x00", "exceeds"),
        (single(b"\x84\x05\x03\x01a"), "builds on the later 3"),
        (single(b"\x04\x00\x05\x04\x01a"), "builds on the later 4"),
        (single(b"\x04\x02\x01t\x01a"), "parent kind 2"),
        (single(b"\x04" + ROOT + b"\x02\xff\xfe"), "not UTF-8"),
        (single(b"\x04" + ROOT + b"\x03\xed\xa0\x80"), "not UTF-8"),
        (single(b"\x04" + ROOT + b"\x7fabc"), "127 bytes wanted"),
        (single(b"\x02" + ROOT + b"\x01\x011"), "content type 2 is not supported"),
        (single(b"\x0b" + ROOT), "content type 11 is not supported"),
        (single(b"\x14" + ROOT + b"\x01a"), "content type 20 is not supported"),
        (single(b"\x80\x05\x02\x01"), "content type 0 is not supported"),
        (single(b"\x8a\x05\x02\x01"), "content type 10 is not supported"),
        (single(b"\x07" + ROOT + b"\x05\x01h"), "shared type 5 is not supported"),
        (single(b"\x07" + ROOT + b"\x07"), "shared type 7 is not supported"),
        (single(b"\x07" + ROOT + b"\x0f"), "shared type 15 is not supported"),
        (single(b"\x85\x05\x02\x03NaN"), "NaN is not JSON"),
        (single(b"\x85\x05\x02\x051e999"), "fits 64 bits"),
        (single(b"\x85\x05\x02\x00"), "JSON refused"),
        (single(b"\x85\x05\x02\x08\"\\ud800\""), "surrogate"),
        (single(b"\x88\x05\x02\x01\x73"), "value type 115"),
        (single(b"\x88\x05\x02\x7f\x78"), "127 values cannot fit"),
        (single(b"\x88\x05\x02\x01" + b"\x75\x01" * 101 + b"\x78"), "nested deeper than 100"),
        (single(b"\x88\x05\x02\x01\x7d" + b"\x80" * 9 + b"\x00"), "integer is too long"),
        (single(b"\x09" + ROOT + b"\x01g\x78"), "options of a subdocument"),
        (b"\x00\x01\x05\x01\x02\x00", "empty or out of order"),
        (b"\x00\x01\x05\x02\x02\x03\x04\x01", "empty or out of order"),
        (b"\x00\x01\x05\x00\x00\x00", "without delete ranges"),
        (b"\x00\x02\x05\x01\x02\x03\x05\x01\x09\x01", "appears twice in the delete set"),
        (b"\x00\x01\x05\x01\xff\xff\xff\xff\x07\x01", "exceeds"),
        (single(b"\x84" + b"\xff" * 8 + b"\x01\x02\x01a"), "too long"),
        (single(b"\x88\x05\x02\x01\x7b\x00"), "8 bytes wanted"),
        (single(b"\x88\x05\x02\x00"), "length 0"),
        (single(b"\x81\x05\x02\x00"), "length 0"),
        (single(b"\x28" + ROOT + b"\x02\xff\xfe\x01\x7e"), "not UTF-8"),
        (b"\x00\x01\x05\x01\xff\xff\xff\xff\x0f\x01", "exceeds"),
    ],
)  # fmt: skip
def test_malformed_updates_say_what_is_wrong(update: bytes, words: str) -> None:
    with pytest.raises(MalformedUpdate, match=words):
        walked(update)


def test_structs_are_limited() -> None:
    update = b"\x01\x03\x05\x00" + b"\x00\x01" * 3 + b"\x01\x05\x02\x00\x01\x02\x01"
    Walker(update, max_structs=5).walk()
    with pytest.raises(MalformedUpdate, match="more structs than allowed"):
        Walker(update, max_structs=4).walk()


def test_pauses_after_some_structs() -> None:
    count = 3 * STEP_STRUCTS
    update = b"\x01" + bytes([count & 0x7F | 0x80, count >> 7]) + b"\x05\x00" + b"\x00\x01" * count + b"\x00"
    walker = Walker(update)
    assert len(list(walker.steps())) == 3
    assert len(walker.clients[5]) == count


MANY = [(3 * n, 2) for n in range(2 * STEP_STRUCTS + FEW_RANGES)]
LONG_LENGTH = b"\x81\x80\x80\x80\x80\x80\x80\x00"
"""1, in as many bytes as are allowed."""


def ranges_in_bytes(ranges: list[tuple[int, int]], more: bytes = b"") -> bytes:
    """An update that deletes these clocks and lengths of client 5, and those of one more range in `more`."""
    count = varuint(len(ranges) + bool(more))
    return b"\x00\x01\x05" + count + varuints(number for each in ranges for number in each) + more


@pytest.mark.parametrize(
    ("ranges", "more"),
    [
        (MANY, b""),
        ([*MANY[:10], (29, 1), *MANY[10:20]], b""),
        ([*MANY, (MAX_CLOCK - 1, 1)], b""),
        (MANY[:20], b"\x7f" + LONG_LENGTH),
    ],
)
def test_many_ranges_are_read_as_one_by_one(monkeypatch, ranges: list[tuple[int, int]], more: bytes) -> None:
    model = Ranges()
    for clock, length in [*ranges, (0x7F, 1)] if more else ranges:
        model.add(clock, clock + length)
    for few in (0, MAX_CLOCK):
        monkeypatch.setattr(update_walker, "FEW_RANGES", few)
        assert list(walked(ranges_in_bytes(ranges, more)).deletes[5]) == list(model)


@pytest.mark.parametrize(
    ("ranges", "more", "words"),
    [
        (MANY[:20], b"\x7f\x80" + LONG_LENGTH, "cut off or too long at byte 45"),
        (MANY[:20], b"\x7f\x80", "cut off or too long at byte 45"),
        ([*MANY[:20], (58, 1)], b"", "out of order at byte 46"),
        ([*MANY[:20], (70, 0)], b"", "empty or out of order at byte 46"),
        ([*MANY[:20], (MAX_CLOCK, 1)], b"", "clock 2147483648 exceeds 2147483647 at byte 50"),
        ([*MANY[:20], (MAX_CLOCK + 1, 1)], b"", "integer 2147483648 exceeds 2147483647 at byte 44"),
    ],
)
def test_what_is_wrong_with_one_of_many_ranges_is_said(
    monkeypatch, ranges: list[tuple[int, int]], more: bytes, words: str
) -> None:
    for few in (0, MAX_CLOCK):
        monkeypatch.setattr(update_walker, "FEW_RANGES", few)
        with pytest.raises(MalformedUpdate, match=words):
            walked(ranges_in_bytes(ranges, more))


def test_pauses_after_some_ranges() -> None:
    update = yjs.update([], {5: MANY})
    assert len(list(Walker(update).steps())) == 2


def test_what_is_known_is_not_read(monkeypatch) -> None:
    known = DeleteSet()
    known.add(5, 0, 1)
    known.add(7, 4, 6)
    known.add(7, 8, 9)
    read = list[int]()
    delete_ranges = Walker.delete_ranges
    monkeypatch.setattr(
        Walker, "delete_ranges", lambda walker, of: read.append(of) or delete_ranges(walker, of)
    )

    def reading(update: bytes) -> list[tuple[int, int, int]]:
        read.clear()
        walker = Walker(update)
        list(walker.steps(known))
        assert walker.pos == len(update)
        return deleted(walker)

    one_more = yjs.update([], {7: [(4, 2), (8, 1)], 5: [(0, 1), (3, 1)], 6: [(0, 1)]})
    assert reading(one_more) == [(5, 0, 1), (5, 3, 4), (6, 0, 1)]
    assert read == [5, 6]
    one_less = yjs.update([], {7: [(4, 2)], 5: [(0, 1)]})
    assert reading(one_less) == [(7, 4, 6)]
    assert read == [7]
    assert reading(b"\x00" + known.encode()) == []
    assert read == []
    for update in (b"\x00" + known.encode() + b"\x00", b"\x00" + known.encode()[:-1]):
        with pytest.raises(MalformedUpdate):
            reading(update)


def edit(doc: Doc, rng: random.Random) -> None:
    """Make one random edit of a random kind."""
    text, array = doc.get("text", type=Text), doc.get("array", type=Array)
    top, xml = doc.get("map", type=Map), doc.get("xml", type=XmlFragment)
    match rng.randrange(12):
        case 0 | 1 | 2:
            text.insert(rng.choice([0, len(text)]), rng.choice(["a", "word ", "é", "\U0001f600"]))
        case 3 if len(text):
            text.format(0, len(text), {"bold": rng.choice([True, None])})
        case 4:
            text.insert_embed(0, {"image": [1.5, None, "\U0001f600"]})
        case 5 if len(text):
            text.clear()
        case 6:
            top[rng.choice("ab")] = rng.choice(
                [1, -(2**60), 2.5, None, True, "v", b"raw", [1, {"q": [None]}]]
            )
        case 7:
            top["nested"] = Map({"title": "t", "items": Array([1, Text("in")])})
        case 8:
            top["sub"] = Doc()
        case 9:
            array.insert(rng.randint(0, len(array)), rng.choice([1, "two", Map({"k": 1})]))
        case 10 if len(array):
            array.pop(rng.randrange(len(array)))
        case _:
            xml.children.append(XmlElement("p", {"class": "c"}, [XmlText("hi"), XmlElement("br")]))


def check_whole(update: bytes) -> None:
    """What was read of an update is all of it: structs stand behind one another, and so do their clocks."""
    for structs in walked(update).clients.values():
        for one, other in pairwise(structs):
            assert one.start < one.content <= one.end == other.start
            assert one.clock + one.length == other.clock


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_everything_pycrdt_writes_is_read(seed: int) -> None:
    rng = random.Random(seed)
    docs, updates = [Doc(client_id=rng.randrange(2**53)) for _ in range(2)], list[bytes]()
    for doc in docs:
        doc.observe(lambda event: updates.append(event.update))
    for _ in range(12):
        edit(doc := rng.choice(docs), rng)
        if rng.random() < 0.3:
            doc.apply_update(rng.choice(docs).get_update())
    updates += [
        merge_updates(*updates),
        merge_updates(*updates[::3]),
        docs[0].get_update(docs[1].get_state()),
    ]
    for update in updates:
        check_whole(update)


SHAPES = [
    single(b"\x84\x05\x02\x02ab"),
    single(b"\xc4\x05\x02\x07\x09\x04\xf0\x9f\x98\x80"),
    single(b"\x28" + ROOT + b"\x01k\x01\x7d\x05"),
    single(b"\xa8\x05\x02\x01\x77\x01v", b"\x01\x05\x01\x02\x01"),
    single(b"\x88\x05\x02\x02\x76\x01\x01a\x75\x01\x7f\x7c\x00\x00\x00\x00"),
    single(b"\x85\x05\x02\x07{\"a\":1}"),
    single(b"\x86\x05\x02\x04bold\x04true"),
    b"\x01\x03\x05\x00\x04" + ROOT + b"\x01a\x0a\x04\x84\x05\x04\x01b\x00",
    b"\x00\x02\x05\x02\x02\x03\x09\x01\x06\x01\x00\x01",
]  # fmt: skip
cuts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.binary(max_size=3)), max_size=4)


@given(st.sampled_from(SHAPES), cuts)
@settings(max_examples=500)
def test_mutated_updates_only_raise_malformed_update(update: bytes, cuts) -> None:
    for at, size, replacement in cuts:
        update = update[:at] + replacement + update[at + size :]
    with contextlib.suppress(MalformedUpdate):
        check_whole(update)


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: b"\x01\x01\x05\x00" + tail))
@settings(max_examples=300)
def test_random_bytes_only_raise_malformed_update(update: bytes) -> None:
    with contextlib.suppress(MalformedUpdate):
        check_whole(update)


@pytest.mark.parametrize(
    "plain", [b"\x7e", b"\x7d\x07", b"\x7d\x80\x01", b"\x7c\x3f\x80\x00\x00", b"\x7b" + bytes(8)]
)
def test_long_arrays_of_plain_values_are_read_many_at_once(plain, monkeypatch) -> None:
    singles: list[int] = []
    value = Walker.value
    monkeypatch.setattr(Walker, "value", lambda walker: (singles.append(walker.pos), value(walker)))
    values = plain * 1_000 + b"\x77\x01a" + plain * 100
    assert read(single(b"\x08" + ROOT + b"\xcd\x08" + values)).length == 1_101
    assert len(singles) < 200
    with pytest.raises(MalformedUpdate):
        walked(single(b"\x08" + ROOT + b"\xcd\x08" + plain * 1_000 + b"\x10" + plain * 100))
