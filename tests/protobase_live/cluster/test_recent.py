"""The tails of the logs: what a node that is up to date is sent without asking the storage."""

from __future__ import annotations

from protobase_live.cluster.recent import Packed, Recent
from protobase_live.collection.commit_form import unpack_commit_of
from protobase_storage import Commit, Joint, Part

A_KILOBYTE_EACH = 10 * 1_100


def commit(sequence: int, collection: str = "c", origin: str = "n/t") -> Commit:
    return Commit(origin, sequence, collection, b"update", (), 1.0)


def sequences(
    recent: Recent, vector: dict[str, int], since: int = 0, collection: str = "c"
) -> list[int] | None:
    found = recent.after(collection, vector, since)
    return None if found is None else [kept.commit.sequence for kept in found]


def test_a_commit_comes_back_as_it_was() -> None:
    one = Commit("n/t", 7, "c", b"u", (Part("ann", (("r", "k"),)),), 1.5, {"m/s": 3}, Joint("j", ("c", "d")))
    assert unpack_commit_of("c", Packed(one).form) == one


def test_what_is_lacking_is_given_in_order() -> None:
    recent = Recent(10**6)
    recent.push("c", [commit(4), commit(1, origin="m/s"), commit(5)], {"n/t": 3})
    assert sequences(recent, {"n/t": 3}) == [4, 1, 5]
    assert sequences(recent, {"n/t": 4}) == [1, 5]
    assert sequences(recent, {"n/t": 5, "m/s": 1}) == []


def test_where_it_does_not_reach_back_the_log_has_to_be_asked() -> None:
    recent = Recent(10**6)
    assert sequences(recent, {}) is None
    recent.push("c", [commit(4)], {"n/t": 3})
    assert sequences(recent, {"n/t": 2}) is None


def test_what_was_looked_at_is_not_looked_at_again() -> None:
    recent = Recent(10**6)
    recent.push("c", [commit(1), commit(2)], {})
    found = recent.after("c", {}, 0)
    assert found is not None
    recent.push("c", [commit(3)], {"n/t": 2})
    assert sequences(recent, {"n/t": 2}, since=found[-1].number) == [3]


def test_the_oldest_of_all_collections_is_let_go_of() -> None:
    recent = Recent(A_KILOBYTE_EACH)
    for sequence in range(1, 8):
        recent.push("c", [commit(sequence)], {"n/t": sequence - 1})
        recent.push("d", [commit(sequence, "d")], {"n/t": sequence - 1})
    assert sequences(recent, {"n/t": 1}) is None
    assert sequences(recent, {"n/t": 6}) == [7]
    assert sequences(recent, {"n/t": 6}, collection="d") == [7]


def test_what_has_become_something_else_is_forgotten() -> None:
    recent = Recent(A_KILOBYTE_EACH)
    recent.push("c", [commit(1)], {})
    recent.forget("c")
    assert sequences(recent, {}) is None
    recent.push("c", [commit(1, origin="o/t")], {})
    for sequence in range(1, 20):
        recent.push("d", [commit(sequence, "d")], {"n/t": sequence - 1})
    assert sequences(recent, {}) is None
    recent.clear()
    assert sequences(recent, {}, collection="d") is None
