"""Which collections transactions connect, and what of them can be carried out in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from protobase_live.collection.joint_runs import connected, in_pieces, run_of
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


def of_transactions(*collections: str) -> dict[str, list[Commit]]:
    """The commits of transactions over these, one behind the other; a letter alone is a commit alone."""
    commits: dict[str, list[Commit]] = {}
    for number, names in enumerate(collections):
        joint = Joint(str(number), tuple(names)) if len(names) > 1 else None
        for name in names:
            of_one = commits.setdefault(name, [])
            of_one.append(commit(len(of_one) + 1, name, joint))
    return commits


def in_short(pieces: Iterable[Mapping[str, Sequence[Commit]]]) -> list[dict[str, list[int]]]:
    return [{name: [each.sequence for each in of_one] for name, of_one in piece.items()} for piece in pieces]


def test_pieces_are_of_so_many_collections() -> None:
    commits = of_transactions("ab", "a", "bc", "cd", "c", "ad", "d")
    assert in_short(in_pieces(commits, 4)) == [
        {"a": [1, 2, 3], "b": [1, 2], "c": [1, 2, 3], "d": [1, 2, 3]},
    ]
    assert in_short(in_pieces(commits, 3)) == [
        {"a": [1, 2], "b": [1, 2], "c": [1]},
        {"c": [2, 3], "d": [1, 2, 3], "a": [3]},
    ]
    assert in_short(in_pieces(commits, 2)) == [
        {"a": [1, 2], "b": [1]},
        {"b": [2], "c": [1]},
        {"c": [2, 3], "d": [1]},
        {"a": [3], "d": [2, 3]},
    ]


def test_what_is_alone_in_front_of_a_transaction_goes_with_it() -> None:
    assert in_short(in_pieces(of_transactions("a", "b", "a", "ab"), 2)) == [{"a": [1, 2, 3], "b": [1, 2]}]


def test_a_transaction_over_too_many_and_what_is_behind_it_are_in_no_piece() -> None:
    commits = of_transactions("ab", "abc", "bc", "de", "bd")
    assert in_short(in_pieces(commits, 2)) == [{"a": [1], "b": [1]}, {"d": [1], "e": [1]}]


@given(st.lists(st.sampled_from(["a", "b", "ab", "bc", "cd", "de", "ae", "abc", "bde"])), st.integers(3, 5))
def test_pieces_have_all_in_order_and_each_transaction_whole(collections: list[str], most: int) -> None:
    commits = of_transactions(*collections)
    commits = {name: of_one for name, of_one in commits.items() if any(each.joint for each in of_one)}
    found: dict[str, list[Commit]] = {name: [] for name in commits}
    for piece in in_pieces(commits, most):
        assert len(piece) <= most
        for name, of_one in piece.items():
            found[name] += of_one
        joints = {each.joint for of_one in piece.values() for each in of_one if each.joint}
        for joint in joints:
            assert all(any(each.joint == joint for each in piece[name]) for name in joint.collections)
    assert found == commits


def test_what_is_known_is_left_out_of_a_run() -> None:
    assert run_of([commit(1), commit(2), commit(3)], {"n/t": 1, "m/s": 1}) == [commit(2), commit(3)]
    assert run_of([commit(1)], {"n/t": 1, "m/s": 1}) == []


def test_there_is_no_run_where_one_lacks_something() -> None:
    assert run_of([commit(2), commit(4)], {"n/t": 1, "m/s": 1}) is None
    assert run_of([commit(1)], {}) is None
