"""A document in parts: each fits onto the ones before it, and all together are the whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.protocol.yjs.structs import Structs, slicing
from protobase_live.protocol.yjs.structs import structs as whole
from protobase_live.protocol.yjs.structs.log import Log
from tests.support import yjs_encoding as yjs
from tests.support.keystrokes import written
from tests.support.yjs_encoding import Id, sent


def parts(structs: Structs, state: dict[int, int], limit: int) -> list[bytes]:
    found, complete = list[bytes](), False
    while not complete:
        update, state, complete = structs.slice(state, limit)
        found.append(update)
    return found


@given(st.integers(0, 2**32), st.sampled_from((1, 20, 100, 10**6)), st.booleans())
def test_the_parts_are_the_whole(seed: int, limit: int, compacted: bool) -> None:
    structs, again = written(seed), Structs()
    if compacted:
        structs.compact()
    for part in parts(structs, {}, limit):
        assert again.take(part) is None, "a part builds on a later one"
    assert again.vector == structs.vector
    assert again.deletes == structs.deletes
    assert again.encode() == structs.encode()


@given(st.integers(0, 2**32), st.integers(0, 30))
def test_whoever_has_something_gets_the_rest(seed: int, had: int) -> None:
    structs, early = written(seed), written(seed, had)
    for part in parts(structs, dict(early.vector), 50):
        assert early.take(part) is None
    assert early.vector == structs.vector
    assert early.deletes == structs.deletes


def test_a_part_has_about_the_limit_and_at_least_one_struct() -> None:
    structs = Structs()
    for clock in range(0, 100, 10):
        structs.take(sent(1, clock, yjs.item(yjs.binary(b"x" * 90), parent="list")))
        structs.take(sent(1, clock + 1, yjs.item(yjs.deleted(9), parent="list")))
    assert all(len(part) < 300 for part in parts(structs, {}, 200))
    assert len(parts(structs, {}, 1)) == 20 + 1, "the last one has only what is deleted"
    assert len(parts(structs, {}, 10**6)) == 1


def many(clients: int) -> Structs:
    """Of each client one struct, of about ten bytes."""
    structs = Structs()
    for client in range(1, clients + 1):
        structs.take(sent(client, 0, yjs.item(yjs.text("abcdef"), parent="t")))
    return structs


def test_only_the_logs_that_a_part_is_of_are_read(monkeypatch) -> None:
    structs, opened = many(50), [0]
    read = Log.structs

    def counted(log: Log, clock: int):
        opened[-1] += 1
        return read(log, clock)

    monkeypatch.setattr(Log, "structs", counted)
    state, complete = dict[int, int](), False
    while not complete:
        _, state, complete = structs.slice(state, 40)
        opened.append(0)
    assert len(opened) > 10
    assert max(opened) <= 5


def test_a_part_has_so_many_structs_of_several_clients(monkeypatch) -> None:
    monkeypatch.setattr(slicing, "SLICE_STRUCTS", 7)
    structs, again = many(50), Structs()
    found = parts(structs, {}, 10**6)
    assert len(found) == 8
    for part in found:
        assert again.take(part) is None
    assert again.encode() == structs.encode()
    assert Structs().take(structs.encode()) is None
    assert structs.encode() == many(50).encode()
    assert structs.encode()[0] == 50, "the whole is not cut"


def test_the_news_of_many_clients_come_in_parts(monkeypatch) -> None:
    for module in (slicing, whole):
        monkeypatch.setattr(module, "SLICE_STRUCTS", 7)
    structs, again = many(50), Structs()
    structs.take(sent(1, 0, deletes={1: [(0, 6)]}))
    found = list(structs.flush_in_steps(10**6))
    assert len(found) == 8
    for part in found:
        assert again.take(part) is None
    assert again.encode() == structs.encode()
    assert list(structs.flush_in_steps(10**6)) == []


def test_what_is_deleted_comes_in_parts() -> None:
    """Each deletion takes pycrdt the longer the larger the document is, and it pauses for nobody."""
    structs, count = Structs(), 4 * whole.DELETES_AT_ONCE
    structs.take(sent(1, 0, yjs.item(yjs.text("ab" * count), parent="t")))
    structs.take(sent(1, 0, deletes={1: [(2 * number, 1) for number in range(count)]}))
    for found in (list(structs.flush_in_steps(10**6)), list(structs.parts(10**6))):
        again = Structs()
        for part in found:
            known = sum(map(len, again.deletes.values()))
            assert again.take(part) is None
            assert sum(map(len, again.deletes.values())) <= known + whole.DELETES_AT_ONCE
        assert again.encode() == structs.encode()


@given(st.integers(0, 2**32), st.sampled_from((1, 20, 10**6)))
def test_the_parts_of_all_are_the_whole(seed: int, limit: int) -> None:
    structs, again = written(seed), Structs()
    for part in structs.parts(limit):
        assert again.take(part) is None, "a part builds on a later one"
    assert again.encode() == structs.encode()


def test_what_is_deleted_is_told_in_the_end() -> None:
    structs = Structs()
    structs.take(sent(1, 0, yjs.item(yjs.text("abc"), parent="t"), yjs.item(yjs.values(1), parent="l")))
    structs.take(sent(1, 0, deletes={1: [(1, 1)]}))
    first, last = parts(structs, {}, 8)
    assert first == sent(1, 0, yjs.item(yjs.text("abc"), parent="t"))
    assert last == sent(1, 3, yjs.item(yjs.values(1), parent="l"), deletes={1: [(1, 1)]})


def test_a_state_vector_may_claim_what_is_not_there() -> None:
    structs = Structs()
    structs.take(sent(1, 0, yjs.item(yjs.text("abc"), parent="t")))
    assert structs.encode({1: 10, 7: 3}) == b"\x00\x00"
    structs.take(sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 2))))
    assert parts(structs, {1: 10}, 100) == [sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 2)))]
