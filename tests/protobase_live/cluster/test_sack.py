"""Commits of messages that follow each other are put together."""

from __future__ import annotations

import pytest

from protobase_live.cluster.sack import Sack
from protobase_live.collection.former import FIRST, History
from protobase_live.errors import ProtocolError
from protobase_live.protocol.packing import pack
from protobase_live.protocol.peer.messages import Commits
from protobase_storage import Commit
from protobase_storage.commit_format import pack_commit, pack_head

SECOND = History(1, "x")


def commit(sequence: int, collection: str = "c") -> Commit:
    return Commit("n/t", sequence, collection, b"u", (), 1.0, {"m/s": 2})


def message(number: int, history: History, *commits: Commit) -> Commits:
    forms = {each.collection: (history, [pack_commit(each)]) for each in commits}
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


def head(*fields: object) -> bytes:
    return pack(["n/t", 1, pack(fields), b"u"])


@pytest.mark.parametrize(
    "packed",
    [
        b"\xc1",
        pack(["n/t", "one"]),
        pack(["n/t", 1, [1.0, []], b"u"]),
        head(1.0),
        head(1, []),
        head(1.0, [], {}),
        head(1.0, [], {"m/s": "two"}, None),
        head(1.0, [], {}, ["j"]),
        head(1.0, [], {}, None, 1),
        head(1.0, [["ann"]]),
    ],
)
def test_what_cannot_be_read_is_an_error(packed: bytes) -> None:
    with pytest.raises(ProtocolError):
        Sack().add(Commits(1, {"c": (FIRST, [packed])}))


def test_a_commit_is_stored_as_it_came() -> None:
    sack, packed = Sack(), pack_commit(commit(1))
    sack.add(Commits(1, {"c": (FIRST, [packed])}))
    (taken,) = sack.commits["c"]
    assert taken.head == pack_head(commit(1))
    assert pack_commit(taken) == packed
