"""Reading keystrokes says what the walker says, or nothing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.structs.keystrokes import Keystroke, read_keystroke
from protobase_live.protocol.update_walker import DeletedRange
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.mutation import mutate
from tests.support.plain_walker import walked_plainly
from tests.support.yjs_encoding import Id, sent


def walked(update: bytes) -> Keystroke | None:
    try:
        walker = walked_plainly(update)
    except MalformedUpdate:
        return None
    ((client, (struct,)),) = walker.clients.items()
    deletes = [DeletedRange(of, *each) for of, ranges in walker.deletes.items() for each in ranges]
    return Keystroke(client, struct, tuple(deletes))


SHAPES = [
    sent(5, 3, yjs.item(yjs.text("ab"), left=Id(5, 2))),
    sent(2**48, 300, yjs.item(yjs.text("ab"), left=Id(5, 2), right=Id(7, 9))),
    sent(5, 3, yjs.item(yjs.text("ab"), right=Id(7, 2**20))),
    sent(5, 3, yjs.item(yjs.values("v"), parent="t", key="é")),
    sent(5, 3, yjs.item(yjs.values(2.5), parent=Id(7, 2))),
    sent(5, 3, yjs.item(yjs.values(-5), parent=Id(7, 2), key="k"), deletes={7: [(1, 2)]}),
    sent(5, 3, yjs.item(yjs.values(None), left=Id(5, 1), key="k"), deletes={5: [(1, 3)]}),
]


@pytest.mark.parametrize("update", SHAPES)
def test_reads_what_editors_send(update: bytes) -> None:
    found = read_keystroke(update)
    assert found is not None
    assert found == walked(update)


@pytest.mark.parametrize(
    "update",
    [
        b"",
        b"\x00\x00",
        sent(5, 3, yjs.item(yjs.text("é"), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.values(1, 2), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.embed("{}"), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.text("a"), left=Id(5, 2)), yjs.item(yjs.text("b"), left=Id(5, 3))),
        sent(5, 3, yjs.item(yjs.text("a"), left=Id(5, 2)), deletes={5: [(0, 1), (2, 1)]}),
        sent(5, 2**28, yjs.item(yjs.text("a"), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.text("a"), left=Id(5, 3))),
    ],
)
def test_everything_else_is_the_walkers(update: bytes) -> None:
    assert read_keystroke(update) is None


@given(st.integers(0, 2**32))
@settings(max_examples=500)
def test_never_says_anything_else_than_the_walker(seed: int) -> None:
    random = Random(seed)
    vector = {client: random.randrange(300) for client in (1, 2, 300, 2**40)}
    update = keystrokes.keystroke(random, vector)
    if random.random() < 0.8:
        update = mutate(update, random, SHAPES)
    assert read_keystroke(update) in (None, walked(update))
