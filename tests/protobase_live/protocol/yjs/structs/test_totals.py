"""Totals are sums over all logs, of which only those that have changed are counted."""

from __future__ import annotations

from random import Random

import pytest

from protobase_live.protocol.yjs.structs import Structs
from protobase_live.protocol.yjs.structs.log import Log
from protobase_live.protocol.yjs.structs.logs import Logs
from protobase_live.protocol.yjs.structs.totals import Totals
from tests.support import keystrokes
from tests.support import yjs_encoding as yjs
from tests.support.yjs_encoding import sent


@pytest.mark.parametrize("seed", range(10))
def test_they_are_the_sums(seed: int) -> None:
    random, structs = Random(seed), Structs()
    structs.take(keystrokes.base())
    for _ in range(60):
        keystrokes.taken(structs, keystrokes.keystroke(random, structs.vector))
        what = random.random()
        if what < 0.2:
            structs.settle()
        elif what < 0.3:
            structs.compact()
        logs = structs._store.logs.by_client.values()
        assert structs.size == sum(len(log.data) for log in logs)
        assert structs._store.counted().structs == sum(len(log) for log in logs)


def test_what_was_refused_counts_for_nothing() -> None:
    structs = Structs()
    structs.take(sent(1, 0, yjs.item(yjs.text("a"), parent="t")))
    before = structs.size
    child = yjs.item(yjs.text("b"), parent=yjs.Id(1, 0))
    assert not keystrokes.taken(structs, sent(1, 1, yjs.item(yjs.text("x"), parent="t"), child))
    assert not keystrokes.taken(structs, sent(2, 0, yjs.item(yjs.text("x"), parent="t"), child))
    assert structs.size == before


def test_nobody_else_is_counted() -> None:
    logs = Logs()
    for client in range(50):
        logs.of(client)
    asked: list[int] = []

    class Asked(dict[int, Log]):
        def get(self, client: int, default=None) -> Log | None:
            asked.append(client)
            return super().get(client, default)

    totals = Totals(Asked(logs.by_client))
    totals.changed.update((3, 4))
    totals.count()
    totals.count()
    assert asked == [3, 4]
    assert totals.bytes == totals.structs == 0
