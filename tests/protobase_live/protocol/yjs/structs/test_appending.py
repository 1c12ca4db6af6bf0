"""What is appended the short way is what the general way appends."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protobase_live.errors import MalformedUpdate
from protobase_live.protocol.yjs.struct import Struct
from protobase_live.protocol.yjs.structs import Structs, shortcuts, taking
from protobase_live.protocol.yjs.structs.appending import append_common
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.structs.logs import Logs
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.plain_walker import walked_plainly
from tests.support.yjs_encoding import Id, Shared, sent


def answer(structs: Structs, update: bytes) -> object:
    try:
        return structs.take(update)
    except MalformedUpdate as error:
        return str(error)


def append_none(logs: Logs, log: Log, update: bytes, structs: Iterator[Struct]) -> Struct | None:
    """As if no struct were common."""
    return next(structs, None)


@given(st.integers(0, 2**32))
@settings(max_examples=300)
def test_the_short_way_does_what_the_general_way_does(seed: int) -> None:
    random = Random(seed)
    short, general = Structs(), Structs()
    told = {short: Structs(), general: Structs()}
    with pytest.MonkeyPatch.context() as patch:
        for structs in (short, general):
            structs.take(keystrokes.base())
        for _ in range(30):
            update = keystrokes.keystroke(random, short.vector)
            patch.undo()
            answered = answer(short, update)
            for module in (taking, shortcuts):
                patch.setattr(module, "append_common", append_none)
            assert answered == answer(general, update)
            assert short.encode() == general.encode()
            if random.random() < 0.1:
                for structs in (short, general):
                    told[structs].take(structs.settle()[0])
                    structs.compact()
                assert told[short].encode() == told[general].encode()
    for client, log in short._store.logs.by_client.items():
        other = general._store.logs.by_client[client]
        for name in Log.__slots__:
            assert getattr(log, name) == getattr(other, name), name


TEXT = sent(
    1, 0, yjs.item(yjs.shared(Shared.TEXT), parent="m", key="t"), yjs.item(yjs.text("ab"), parent=Id(1, 0))
)
LIST = sent(
    1, 0, yjs.item(yjs.shared(Shared.ARRAY), parent="m", key="l"), yjs.item(yjs.values(1), parent=Id(1, 0))
)


RECORD = yjs.item(yjs.shared(Shared.MAP), parent="records", key="k")


def left_over(base: bytes, update: bytes) -> int:
    """How many structs of an update for a document are not common."""
    structs = Structs()
    structs.take(base)
    logs, walker = structs._store.logs, walked_plainly(update)
    ((client, found),) = walker.clients.items()
    rest, count = iter(found), 0
    while append_common(logs, logs.of(client), update, rest) is not None:
        count += 1
    return count


@pytest.mark.parametrize(
    ("base", "update"),
    [
        (TEXT, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 1)), yjs.item(yjs.text("y"), left=Id(2, 0)))),
        (TEXT, sent(2, 0, yjs.item(yjs.text("é" * 100), left=Id(1, 1), right=Id(1, 2)))),
        (TEXT, sent(2, 0, yjs.item(yjs.values(1), parent="m", key="k"), yjs.item(yjs.values(1), parent="l"))),
        (
            TEXT,
            sent(
                2, 0, yjs.item(yjs.shared(Shared.MAP), parent="m"), yjs.item(yjs.values(1), parent=Id(2, 0))
            ),
        ),
        (
            LIST,
            sent(2, 0, yjs.item(yjs.values(1, 2), right=Id(1, 1)), yjs.item(yjs.deleted(3), left=Id(2, 1))),
        ),
        (TEXT, sent(2, 0, RECORD, yjs.item(yjs.values(1), parent=Id(2, 0), key="f"))),
        (sent(2, 0, RECORD), sent(2, 1, yjs.item(yjs.values(1), parent=Id(2, 0), key="f"))),
    ],
)
def test_what_editors_send_is_common(base: bytes, update: bytes) -> None:
    assert left_over(base, update) == 0


@pytest.mark.parametrize(
    ("base", "update"),
    [
        (TEXT, sent(2, 0, yjs.item(yjs.text("😀"), left=Id(1, 1)))),
        (TEXT, sent(2, 1, yjs.item(yjs.text("x"), left=Id(1, 1)))),
        (TEXT, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 3)))),
        (TEXT, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 1), right=Id(3, 0)))),
        (TEXT, sent(2, 0, yjs.item(yjs.text("x"), parent=Id(3, 0)))),
        (TEXT, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 1), right=Id(1, 0)))),
        (TEXT, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 0)))),
        (LIST, sent(2, 0, yjs.item(yjs.text("x"), left=Id(1, 1)))),
        (LIST, sent(2, 0, yjs.item(yjs.values(1, 2), parent="m", key="k"))),
        (
            sent(2, 0, RECORD, deletes={2: [(0, 1)]}),
            sent(2, 1, yjs.item(yjs.values(1), parent=Id(2, 0), key="f")),
        ),
        (
            sent(2, 0, yjs.item(yjs.values(1), parent="records", key="k")),
            sent(2, 1, yjs.item(yjs.values(1), parent=Id(2, 0), key="f")),
        ),
    ],
)
def test_the_rest_is_left_to_a_closer_look(base: bytes, update: bytes) -> None:
    assert left_over(base, update) == 1
