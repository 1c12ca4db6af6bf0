"""One client's log: what is joined, taken back, and cut out of it."""

from __future__ import annotations

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.yjs.struct import DELETED, GC, TEXT, VALUES
from protobase_live.protocol.yjs.structs.log import ASTRAL, CHAINED, CHUNK_BYTES, KEYED, Log, Place
from protobase_live.protocol.yjs.structs.pieces import text_of
from protobase_live.protocol.yjs.update_walker import Walker
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import Content, Id

HERE = Place(-1, 0)


def put(log: Log, content: Content, *, right: Id | None = None, chained: bool = True, marks: int = 0) -> None:
    """Add an item that follows the last one, or begins a place of its own."""
    home = {"left": Id(log.client, log.end - 1)} if chained and log.end else {"left": Id(99, 0)}
    body = yjs.item(content, **home, right=right).body
    marks |= content.ref | (CHAINED if chained and log.end and right == log.right else 0)
    log.append(body, len(body) - len(content.body), content.length, marks, HERE, right)


def state(log: Log) -> list[object]:
    found = [getattr(log, name) for name in Log.__slots__]
    return [bytes(each) if isinstance(each, bytearray) else copy(each) for each in found]


def reread(log: Log, start: int, end: int) -> list[tuple[int, int, int]]:
    """What is read of the clocks between: the structs' clocks, lengths and kinds."""
    count, raw = log.encode(start, end)
    walker = Walker(
        b"\x01" + yjs.varuint(count) + yjs.varuint(log.client) + yjs.varuint(start) + raw + b"\x00"
    )
    walker.walk()
    return [(each.clock, each.length, each.info & 0x0F) for each in walker.clients[log.client]]


def test_joins_what_yjs_joins() -> None:
    log = Log(5, 0)
    put(log, yjs.text("ab"))
    put(log, yjs.text("é"))
    put(log, yjs.values(1, 2))
    put(log, yjs.values(3))
    put(log, yjs.deleted(2))
    put(log, yjs.deleted(100))
    put(log, yjs.binary(b"x"))
    put(log, yjs.binary(b"y"))
    assert [log.read(number).length for number in range(len(log))] == [3, 3, 102, 1, 1]
    assert text_of(log.data, log.read(0)) == "abé".encode()
    assert log.end == 110


def test_does_not_join_over_another_right_neighbour_or_place() -> None:
    log = Log(5, 0)
    put(log, yjs.text("a"))
    put(log, yjs.text("b"), right=Id(7, 1))
    put(log, yjs.text("c"), right=Id(7, 1))
    put(log, yjs.text("d"))
    put(log, yjs.text("e"), chained=False)
    assert [log.length(number) for number in range(len(log))] == [1, 2, 1, 1]
    assert log.right is None


def test_entries_stay_apart() -> None:
    log = Log(5, 0)
    for value in range(3):
        put(log, yjs.values(value), marks=KEYED)
    assert len(log) == 3


def test_garbage_is_joined_whatever_follows_it() -> None:
    log = Log(5, 0)
    for length in (1, 200, 3):
        log.append(yjs.gc(length).body, 1, length, GC | CHAINED, HERE)
    assert bytes(log.data) == yjs.gc(204).body
    put(log, yjs.text("a"))
    assert len(log) == 2


def test_a_joined_content_has_a_limit_that_both_ways_keep() -> None:
    one, other = Log(5, 0), Log(5, 0)
    for log in (one, other):
        put(log, yjs.text("a" * (CHUNK_BYTES - 20)))
    for size in (10, 5, 1, 1, 1, 1, 1):
        put(one, yjs.text("b" * size))
        if not other.extend_text(b"b" * size, None):
            put(other, yjs.text("b" * size))
    assert state(one) == state(other)
    assert len(one) == 2


@pytest.mark.parametrize("size", [1, 126, 127, 128, 129, 2000])
def test_the_length_of_a_joined_text_grows_by_a_byte(size: int) -> None:
    log = Log(5, 0)
    put(log, yjs.text("a" * size))
    for _ in range(3):
        put(log, yjs.text("b"))
        assert log.extend_text(b"cd")
    assert text_of(log.data, log.read(0)) == b"a" * size + b"bcd" * 3
    assert log.read(0).length == log.end == size + 9


def test_what_is_typed_extends_a_text_alone() -> None:
    assert not Log(5, 0).extend_text(b"x")
    for content in (yjs.values("a"), yjs.deleted(1), yjs.embed("{}")):
        log = Log(5, 0)
        put(log, content)
        assert not log.extend_text(b"x")
    log = Log(5, 0)
    put(log, yjs.text("a"), right=Id(7, 1))
    assert not log.extend_text(b"x"), "the text has a right neighbour, and what was typed has none"


CONTENTS = st.sampled_from(
    (
        *(yjs.text(each) for each in ("a", "bé", "x" * 130, "😀y")),
        *(yjs.values(1), yjs.values("é", None), yjs.binary(b"x")),
        *(yjs.deleted(1), yjs.deleted(130)),
    )
)
ITEMS = st.lists(st.tuples(CONTENTS, st.sampled_from([None, Id(7, 1)]), st.booleans()), max_size=12)


def filled(items) -> Log:
    log = Log(5, 0)
    for content, right, chained in items:
        put(log, content, right=right, chained=chained)
    return log


@given(ITEMS, ITEMS)
def test_restores_every_earlier_state(before, after) -> None:
    log = filled(before)
    expected, mark = state(log), log.mark()
    for content, right, chained in after:
        put(log, content, right=right, chained=chained)
        log.extend_text(b"typed")
    log.restore(mark)
    assert state(log) == expected


@given(ITEMS.filter(bool), st.data())
def test_any_part_can_be_encoded(items, data) -> None:
    log = filled(items)
    start = data.draw(st.integers(0, log.end - 1))
    end = data.draw(st.integers(start + 1, log.end))
    structs = reread(log, start, end)
    assert structs[0][0] == start
    assert sum(length for _, length, _ in structs) == end - start
    for clock, _, kind in structs:
        assert kind == log.marks[log.find(clock)] & 0x0F
    assert log.encode(start)[0] == len(reread(log, start, log.end))


def test_a_known_text_is_replaced_in_its_place() -> None:
    log = Log(5, 0)
    put(log, yjs.text("x😀"), marks=ASTRAL)
    put(log, yjs.values(1))
    put(log, yjs.text("🦊"), marks=ASTRAL, chained=False)
    put(log, yjs.text("end"), chained=False)
    log.replace_texts({0: "x\ufffd\ufffd".encode(), 2: "\ufffd\ufffd".encode()})
    assert [log.read(number).length for number in range(4)] == [3, 1, 2, 3]
    assert log.text(2) == "\ufffd\ufffd".encode()
    assert log.extend_text(b"less")
    assert log.text(3) == b"endless"
    log.replace_texts({3: "ändless".encode()})
    assert log.extend_text(b"!")
    assert log.text(3) == "ändless!".encode()
    assert {each & 0x0F for each in log.marks} == {TEXT, VALUES}
    assert DELETED not in log.marks
