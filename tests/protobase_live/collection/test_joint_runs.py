"""Which collections transactions connect, and what of them can be carried out in one go."""

from __future__ import annotations

from protobase_live.collection.joint_runs import connected, run_of
from protobase_storage import Commit, Joint


def commit(sequence: int, collection: str = "c", joint: Joint | None = None) -> Commit:
    return Commit("n/t", sequence, collection, b"", (), 0.0, {"m/s": 1}, joint)


def test_collections_are_connected_through_others() -> None:
    ab, bc, de = Joint("1", ("a", "b")), Joint("2", ("b", "c")), Joint("3", ("d", "e"))
    commits = {
        "a": [commit(1, "a"), commit(2, "a", ab)],
        "b": [commit(1, "b", ab), commit(2, "b", bc)],
        "c": [commit(1, "c", bc)],
        "d": [commit(1, "d", de)],
        "e": [commit(1, "e", de)],
        "f": [commit(1, "f")],
    }
    assert sorted(map(sorted, connected(commits))) == [["a", "b", "c"], ["d", "e"]]


def test_who_has_no_sibling_in_the_call_is_connected_with_nobody() -> None:
    assert list(connected({"a": [commit(1, "a", Joint("1", ("a", "b")))]})) == []


def test_what_is_known_is_left_out_of_a_run() -> None:
    assert run_of([commit(1), commit(2), commit(3)], {"n/t": 1, "m/s": 1}) == [commit(2), commit(3)]
    assert run_of([commit(1)], {"n/t": 1, "m/s": 1}) == []


def test_there_is_no_run_where_one_lacks_something() -> None:
    assert run_of([commit(2), commit(4)], {"n/t": 1, "m/s": 1}) is None
    assert run_of([commit(1)], {}) is None
