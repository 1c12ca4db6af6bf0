"""Two documents are the same if they hold the same, however that is cut, and else it is told where not."""

from __future__ import annotations

from random import Random

import pytest
from pycrdt import Array, Doc, Map, Text

from protobase_live.protocol.yjs.structs import Structs


def taken(*updates: bytes) -> Structs:
    structs = Structs()
    for update in updates:
        assert structs.take(update) is None
    return structs


def keystrokes(seed: int) -> list[bytes]:
    """What two clients wrote into a text, a list and records, deleting much, an update each time."""
    random, updates = Random(seed), list[bytes]()
    docs = [Doc(client_id=client) for client in (1, 2)]
    for number in range(120):
        doc, other = random.sample(docs, 2)
        state = doc.get_state()
        text, rows = doc.get("text", type=Text), doc.get("records", type=Map)
        if number % 3 == 0:
            rows[f"r{random.randrange(5)}"] = Map({"n": float(number), "tags": Array([1, 2])})
        elif random.random() < 0.6 or not len(text):
            text.insert(random.randint(0, len(text)), random.choice(["ab", "c", "def"]))
        else:
            del text[random.randrange(len(text))]
        updates.append(doc.get_update(state))
        other.apply_update(updates[-1])
    return updates


@pytest.mark.parametrize("seed", range(5))
def test_the_same_cut_otherwise_is_the_same(seed: int) -> None:
    updates = keystrokes(seed)
    one, whole = taken(*updates), taken(taken(*updates).encode())
    small = one.copy()
    small.compact()
    for other in (whole, small, taken(small.encode())):
        assert one.differs_from(other) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_first_that_differs_is_told(seed: int) -> None:
    """One letter of a text is another one, as if a fold had written it wrongly."""
    updates = keystrokes(seed)
    third = Doc(client_id=3)
    third.apply_update(taken(*updates).encode())
    state = third.get_state()
    third.get("text", type=Text).insert(1, "QQQ")
    written = third.get_update(state)
    one = taken(*updates, written)
    other = taken(*updates, written.replace(b"QQQ", b"QxQ"))
    assert one.differs_from(other) == (3, 0)
    assert other.differs_from(one) == (3, 0)


def test_the_same_bytes_in_another_place_differ() -> None:
    """The second client's struct says only what it stands behind, and that is deleted."""
    found = list[Structs]()
    for root in ("here", "there"):
        first, second = Doc(client_id=1), Doc(client_id=2)
        first.get(root, type=Array).append("x")
        second.apply_update(first.get_update())
        second.get(root, type=Array).append("y")
        del second.get(root, type=Array)[0]
        found.append(taken(second.get_update()))
    assert found[0].differs_from(found[1]) == (2, 0)


def test_a_copy_shares_nothing() -> None:
    one = taken(*keystrokes(1))
    before = one.encode(), dict(one.vector), one.deletes
    copied = one.copy()
    doc = Doc(client_id=9)
    doc.get("text", type=Text).insert(0, "more")
    assert copied.take(doc.get_update()) is None
    copied.compact()
    assert (one.encode(), dict(one.vector), one.deletes) == before
    assert copied.vector[9] == 4
