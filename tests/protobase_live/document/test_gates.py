"""Each judge has one gate in a document, and as many of them are kept as may be."""

from __future__ import annotations

import pytest

import protobase_live as pb
from protobase_live.document import Judge, Rules
from protobase_live.document.gates import MAX_GATES, Gates
from protobase_live.document.held import LOG, StoredLog
from protobase_live.protocol.yjs.structs import Gate, Structs, Unforeseen
from tests.support import yjs_encoding as yjs
from tests.support.turns import Peer, limited_to
from tests.support.yjs_encoding import Id, sent


class Task(pb.Atom):
    title: str


TYPED = sent(1, 0, yjs.item(yjs.text("ab"), parent="body"))
MORE = sent(1, 2, yjs.item(yjs.text("c"), left=Id(1, 1)))


def gates(schema: type[pb.Atom] | None = None, structs: Structs | None = None) -> Gates:
    return Gates(Rules(schema), (structs or Structs()).foresight("records"))


def passes(structs: Structs, gate: Gate | None) -> bool:
    try:
        structs.take(MORE, gate=gate)
    except Unforeseen:
        return False
    return True


def test_who_is_bound_by_nothing_has_none() -> None:
    assert gates().of(Peer()) is None
    assert gates(Task).of(LOG) is None
    assert gates(Task).of(Peer()) is not None
    assert gates().of(Peer(judge=Judge(read_only=True))) is not None


def test_writers_of_one_judge_share_it() -> None:
    each, judge = gates(Task), limited_to(fields=frozenset({"title"}))
    assert each.of(Peer("ann", judge=judge)) is each.of(Peer("bob", judge=judge))
    assert each.of(Peer(judge=judge)) is not each.of(Peer())


@pytest.mark.parametrize("schema", [None, Task])
def test_who_may_write_something_else_has_another(schema: type[pb.Atom] | None) -> None:
    structs = Structs()
    structs.take(TYPED)
    each = gates(schema, structs)
    assert not passes(structs, each.of(Peer(judge=limited_to(structures=frozenset({"other"})))))
    assert not passes(structs, each.of(Peer(judge=Judge(read_only=True))))
    assert passes(structs, each.of(Peer(judge=limited_to(structures=frozenset({"body"})))))


def test_who_may_write_it_no_more_is_let_no_more() -> None:
    structs, sender = Structs(), StoredLog()
    structs.take(TYPED)
    each = gates(structs=structs)
    sender.judge = limited_to(structures=frozenset({"body"}))
    assert passes(structs, each.of(sender))
    sender.judge = Judge(read_only=True)
    again = sent(1, 3, yjs.item(yjs.text("d"), left=Id(1, 2)))
    with pytest.raises(Unforeseen):
        structs.take(again, gate=each.of(sender))
    sender.judge = None
    structs.take(again, gate=each.of(sender))
    assert structs.vector == {1: 4}


def test_not_all_that_ever_were_are_kept() -> None:
    each = gates(Task)
    judges = [Judge(read_only=True) for _ in range(2 * MAX_GATES + 1)]
    found = [each.of(Peer(judge=judge)) for judge in judges]
    assert len(each._gates) <= MAX_GATES
    assert each.of(Peer(judge=judges[-1])) is found[-1]
    assert each.of(Peer(judge=judges[0])) is not None
