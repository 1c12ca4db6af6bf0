import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycrdt import Array, Doc, Map, Text, XmlElement, XmlFragment, XmlText, merge_updates

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol import update as module
from protobase_live.protocol.update import ClientRange, UpdateInfo, check_update

ROOT = b"\x01\x01t"
"""Parent information: the root named t."""


def single(struct: bytes, deletes: bytes = b"\x00") -> bytes:
    """An update of one struct of client 5, at clock 3."""
    return b"\x01\x01\x05\x03" + struct + deletes


def walked(update: bytes) -> UpdateInfo | None:
    try:
        return module._check_any(update, module.MAX_STRUCTS)
    except MalformedUpdate:
        return None


ONE = (ClientRange(5, 3, 4),)


@pytest.mark.parametrize(
    ("update", "info"),
    [
        (b"\x00\x00", UpdateInfo((), {})),
        (single(b"\x04" + ROOT + b"\x01a"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x84\x05\x02\x02ab"), UpdateInfo((ClientRange(5, 3, 5),), {5: 3})),
        (single(b"\xc4\x05\x02\x07\x09\x02\xc3\xa9"), UpdateInfo(ONE, {5: 3, 7: 10})),
        (single(b"\x84\x05\x02\x04\xf0\x9f\x98\x80"), UpdateInfo((ClientRange(5, 3, 5),), {5: 3})),
        (single(b"\x28" + ROOT + b"\x01k\x01\x7d\x05"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x28\x00\x07\x02\x01k\x01\x77\x01v"), UpdateInfo(ONE, {5: 3, 7: 3})),
        (single(b"\xa8\x05\x02\x01\x7e", b"\x01\x05\x01\x02\x01"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x88\x05\x02\x02\x78\x79"), UpdateInfo((ClientRange(5, 3, 5),), {5: 3})),
        (single(b"\x88\x05\x02\x01\x76\x01\x01a\x75\x01\x7f"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x01" + ROOT + b"\x07"), UpdateInfo((ClientRange(5, 3, 10),), {5: 3})),
        (single(b"\x83\x05\x02\x00"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x85\x05\x02\x07{\"a\":1}"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x86\x05\x02\x04bold\x04true"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x07" + ROOT + b"\x03\x01p"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x09" + ROOT + b"\x01g\x76\x00"), UpdateInfo(ONE, {5: 3})),
        (single(b"\x00\x02"), UpdateInfo((ClientRange(5, 3, 5),), {5: 3})),
        (b"\x00\x01\x05\x01\x02\x03", UpdateInfo((), {5: 5})),
        (b"\x00\x02\x05\x02\x02\x03\x09\x01\x06\x01\x00\x01", UpdateInfo((), {5: 10, 6: 1})),
        (
            b"\x01\x03\x05\x00\x04" + ROOT + b"\x01a\x0a\x04\x84\x05\x04\x01b\x00",
            UpdateInfo((ClientRange(5, 0, 1), ClientRange(5, 5, 6)), {5: 5}),
        ),
        (
            b"\x02\x01\x07\x00\x04" + ROOT + b"\x01a\x01\x05\x02\x84\x07\x00\x01b\x00",
            UpdateInfo((ClientRange(7, 0, 1), ClientRange(5, 2, 3)), {5: 2}),
        ),
    ],
)  # fmt: skip
def test_says_what_an_update_carries_and_requires(update: bytes, info: UpdateInfo):
    assert check_update(update) == info
    assert walked(update) == info


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
    ],
)  # fmt: skip
def test_malformed_updates_say_what_is_wrong(update: bytes, words: str):
    with pytest.raises(MalformedUpdate, match=words):
        check_update(update)


def test_structs_are_limited():
    update = b"\x01\x03\x05\x00" + b"\x00\x01" * 3 + b"\x01\x05\x02\x00\x01\x02\x01"
    assert check_update(update, max_structs=5)
    with pytest.raises(MalformedUpdate, match="more structs than allowed"):
        check_update(update, max_structs=4)


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


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=60)
def test_everything_pycrdt_writes_passes(seed: int):
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
        assert check_update(update) == walked(update)


def test_says_what_a_document_is_missing():
    info = UpdateInfo((), {5: 3, 7: 10})
    assert info.missing({}) == {5: 3, 7: 10}
    assert info.missing({5: 3, 7: 9}) == {7: 10}
    assert info.missing({5: 4, 7: 10, 9: 1}) == {}


def test_updates_that_leave_holes_are_missing_something():
    """Found by fuzzing: applied to an empty document, then filled up, these crashed the process."""
    hole = bytes.fromhex("010101102801036d61700163017701760101010a07")
    assert check_update(hole).missing({}) == {1: 16}
    assert check_update(hole).missing({1: 16}) == {}


@given(st.integers(0, 2**32))
@settings(deadline=None, max_examples=30)
def test_an_update_whose_requirements_are_met_is_taken_in_at_once(seed: int):
    rng = random.Random(seed)
    source, updates = Doc(), list[bytes]()
    source.observe(lambda event: updates.append(event.update))
    for _ in range(10):
        edit(source, rng)
    copy, state = Doc(), dict[int, int]()
    for update in updates:
        info = check_update(update)
        assert not info.missing(state)
        copy.apply_update(update)
        state.update({run.client_id: run.end_clock for run in info.ranges})
    assert copy.get_state() == source.get_state()


SHAPES = [
    single(b"\x84\x05\x02\x02ab"),
    single(b"\xc4\x05\x02\x07\x09\x04\xf0\x9f\x98\x80"),
    single(b"\x28" + ROOT + b"\x01k\x01\x7d\x05"),
    single(b"\xa8\x05\x02\x01\x77\x01v", b"\x01\x05\x01\x02\x01"),
    single(b"\x28\x00\x07\x02\x01k\x01\x7c\x00\x00\x00\x00"),
    b"\x00\x01\x05\x01\x02\x03",
]


@given(
    st.sampled_from(SHAPES), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2), st.binary(max_size=3)))
)
@settings(max_examples=500)
def test_the_fast_path_never_differs_from_the_walker(update: bytes, cuts: list[tuple[int, int, bytes]]):
    for at, size, replacement in cuts[:4]:
        update = update[:at] + replacement + update[at + size :]
    fast = module._check_keystroke(update)
    assert fast is None or fast == walked(update)


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: b"\x01\x01\x05\x00" + tail))
@settings(max_examples=300)
def test_random_bytes_only_raise_malformed_update(update: bytes):
    with contextlib.suppress(MalformedUpdate):
        check_update(update)
