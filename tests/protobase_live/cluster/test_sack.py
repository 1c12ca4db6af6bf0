"""Commits of messages that follow each other are put together."""

from __future__ import annotations

import pytest

from protobase_live.cluster.sack import Sack
from protobase_live.collection.commit_form import form_of
from protobase_live.collection.former import FIRST, History
from protobase_live.errors import ProtocolError
from protobase_live.protocol.packing import pack
from protobase_live.protocol.peer.messages import Commits
from protobase_storage import Commit

SECOND = History(1, "x")


def commit(sequence: int, collection: str = "c") -> Commit:
    return Commit("n/t", sequence, collection, b"u", (), 1.0, {"m/s": 2})


def message(number: int, history: History, *commits: Commit) -> Commits:
    forms = {each.collection: (history, [pack(form_of(each))]) for each in commits}
    return Commits(number, forms)


def test_they_are_put_together_in_their_order() -> None:
    sack = Sack()
    sack.add(message(7, FIRST, commit(1), commit(1, "d")))
    sack.add(message(8, FIRST, commit(2)))
    assert sack.commits == {"c": [commit(1), commit(2)], "d": [commit(1, "d")]}
    assert sack.histories == {"c": FIRST, "d": FIRST}
    assert sack.number == 8


def test_those_of_another_history_do_not_fit() -> None:
    sack = Sack()
    sack.add(message(1, FIRST, commit(1)))
    assert sack.fits(message(2, FIRST, commit(2)))
    assert sack.fits(message(2, SECOND, commit(2, "d")))
    assert not sack.fits(message(2, SECOND, commit(2)))


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="'c' cannot be read"):
        Sack().add(Commits(1, {"c": (FIRST, [pack(["n/t", "one"])])}))
