"""Reading edits says what the walker says, or nothing."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.structs.edits import Edit, read_edit
from protobase_live.protocol.yjs.update_walker import DeletedRange
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.mutation import mutate
from tests.support.plain_walker import walked_plainly
from tests.support.yjs_encoding import Id, sent


def walked(update: bytes) -> Edit | None:
    try:
        walker = walked_plainly(update)
    except MalformedUpdate:
        return None
    ((client, structs),) = walker.clients.items() or ((-1, []),)
    deletes = [DeletedRange(of, *each) for of, ranges in walker.deletes.items() for each in ranges]
    return client, structs, deletes


def read(update: bytes) -> Edit | None:
    found = read_edit(update)
    return None if found is None else (found[0], list(found[1]), list(found[2]))


SHAPES = [
    sent(5, 3, yjs.item(yjs.text("ab"), left=Id(5, 2))),
    sent(2**48, 300, yjs.item(yjs.text("ab"), left=Id(5, 2), right=Id(7, 9))),
    sent(5, 3, yjs.item(yjs.text("ab"), right=Id(7, 2**20))),
    sent(5, 3, yjs.item(yjs.values("v"), parent="t", key="é")),
    sent(5, 3, yjs.item(yjs.values(2.5), parent=Id(7, 2))),
    sent(5, 3, yjs.item(yjs.values(-5), parent=Id(7, 2), key="k"), deletes={7: [(1, 2)]}),
    sent(5, 3, yjs.item(yjs.values(None), left=Id(5, 1), key="k"), deletes={5: [(1, 3)]}),
    sent(
        5, 3, yjs.item(yjs.text("a"), left=Id(5, 2)), yjs.item(yjs.text("b"), left=Id(5, 1), right=Id(5, 2))
    ),
    sent(5, 3, yjs.item(yjs.text("a"), left=Id(5, 2)), deletes={5: [(0, 1), (2, 1)], 7: [(2**20, 300)]}),
    sent(5, 3, deletes={5: [(0, 1)]}),
    b"\x00\x00",
    sent(5, 3, deletes={5: [(0, 1), (2, 1)]}),
]


@pytest.mark.parametrize("update", SHAPES)
def test_reads_what_editors_send(update: bytes) -> None:
    found = read(update)
    assert found is not None
    assert found == walked(update)


@pytest.mark.parametrize(
    "update",
    [
        b"",
        sent(5, 3, yjs.item(yjs.text("é"), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.values(1, 2), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.embed("{}"), left=Id(5, 2))),
        sent(5, 3, deletes={5: [(4 * each, 1) for each in range(100)]}),
        sent(5, 3, deletes={5: [(2**31, 1), (0, 1)]}),
        sent(5, 3, deletes={5: [(0, 1), (2, 1)]})[:-1],
        sent(5, 3, deletes={5: [(0, 1), (2, 1)]}) + b"\x00",
        sent(5, 2**28, yjs.item(yjs.text("a"), left=Id(5, 2))),
        sent(5, 3, yjs.item(yjs.text("a"), left=Id(5, 3))),
    ],
)
def test_everything_else_is_the_walkers(update: bytes) -> None:
    assert read(update) is None


@given(st.integers(0, 2**32))
@settings(max_examples=500)
def test_never_says_anything_else_than_the_walker(seed: int) -> None:
    random = Random(seed)
    vector = {client: random.randrange(300) for client in (1, 2, 300, 2**40)}
    update = keystrokes.keystroke(random, vector)
    if random.random() < 0.8:
        update = mutate(update, random, SHAPES)
    assert read(update) in (None, walked(update))
