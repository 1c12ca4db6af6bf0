"""Delete sets are encoded as Yjs does, and known again by their bytes."""

from __future__ import annotations

from protobase_live.protocol.yjs.delete_set import DeleteSet, in_portions
from protobase_live.protocol.yjs.ranges import STEP_RANGES, Ranges

ENCODED = b"\x02\x07\x01\x04\x02\x05\x02\x00\x01\x02\x01"


def made() -> DeleteSet:
    deletes = DeleteSet()
    assert deletes.add(5, 0, 1) == [(0, 1)]
    assert list(deletes.merge(5, Ranges([0, 2], [1, 3]))) == [(2, 3)]
    assert list(deletes.merge(7, Ranges([4], [6]))) == [(4, 6)]
    assert not deletes.merge(9, Ranges())
    return deletes


def test_clients_with_higher_ids_come_first() -> None:
    assert made().encode() == ENCODED
    assert DeleteSet().encode() == b"\x00"


def test_what_is_encoded_is_kept_until_something_is_added() -> None:
    deletes = made()
    encoded = deletes.encode()
    deletes.add(7, 4, 5)
    deletes.merge(7, Ranges([5], [6]))
    assert deletes.encode() is encoded, "nothing was new"
    deletes.add(7, 6, 7)
    assert deletes.encode() == b"\x02\x07\x01\x04\x03" + ENCODED[5:]
    deletes.merge(9, Ranges([0], [1]))
    assert deletes.encode() == b"\x03\x09\x01\x00\x01\x07\x01\x04\x03" + ENCODED[5:]
    deletes.clear()
    assert deletes.encode() == b"\x00"


def test_knows_its_own_bytes() -> None:
    deletes = made()
    assert not deletes.ends(b"." + ENCODED, 1), "it was not encoded yet"
    deletes.encode()
    assert deletes.ends(b"." + ENCODED, 1)
    assert not deletes.ends(b"." + ENCODED, 0)
    assert not deletes.ends(b"." + ENCODED[:-1] + b"\x02", 1)
    assert deletes.size_at(5, ENCODED, 6) == 5
    assert deletes.size_at(7, ENCODED, 6) == deletes.size_at(6, ENCODED, 6) == 0


def test_many_ranges_and_many_clients_are_encoded_in_steps() -> None:
    count = 2 * STEP_RANGES + 1
    one, many, again = DeleteSet(), DeleteSet(), DeleteSet()
    for number in range(count):
        one.add(5, 2 * number, 2 * number + 1)
        again.add(5, 2 * number, 2 * number + 1)
        many.add(number, 0, 1)
    steps = one.encode_in_steps()
    assert sum(1 for _ in steps) == 3
    assert one.encode() == again.encode()
    assert sum(1 for _ in many.encode_in_steps()) == 2


def test_in_portions_of_at_most_so_many_ranges() -> None:
    deletes = made()
    portions = list(in_portions(deletes, 2))
    assert portions == [b"\x01\x05\x02\x00\x01\x02\x01", b"\x01\x07\x01\x04\x02"]
    assert list(in_portions(deletes, 3)) == [ENCODED]
    assert list(in_portions(DeleteSet(), 3)) == [b"\x00"]
