"""Version vectors."""

from hypothesis import given
from hypothesis import strategies as st

from protobase_storage import Loaded, covers, include, includes, join, node_of, writer_of
from protobase_storage.commit import is_elsewhere
from protobase_storage.conformance.model import make_commit, make_snapshot

vectors = st.dictionaries(st.sampled_from("abc"), st.integers(0, 5))


@given(vectors, vectors, vectors)
def test_join_is_the_least_upper_bound(
    one: dict[str, int], other: dict[str, int], third: dict[str, int]
) -> None:
    joined = join(one, other)
    assert includes(joined, one)
    assert includes(joined, other)
    assert includes(third, joined) == (includes(third, one) and includes(third, other))


def test_a_commit_is_included_as_join_does() -> None:
    for vector in ({}, {"x": 1}, {"node-a": 2, "x": 1}, {"node-a/old": 2, "x": 1}):
        included = dict(vector)
        include(included, make_commit("c", 3))
        assert included == join(vector, {"node-a": 3})


def test_absent_is_zero() -> None:
    assert includes({}, {"a": 0})
    assert not includes({}, {"a": 1})
    assert covers({"node-a": 2}, make_commit("c", 2))
    assert not covers({"other": 9}, make_commit("c", 1))


def test_loaded_joins_snapshot_and_commits() -> None:
    loaded = Loaded(make_snapshot("c", {"node-a": 3, "x": 1}), (make_commit("c", 4), make_commit("c", 2)))
    assert loaded.vector == {"node-a": 4, "x": 1}
    assert Loaded(None, ()).vector == {}


def test_a_vector_has_one_timeline_of_a_node() -> None:
    assert join({"n/1": 2, "m": 1}, {"n/2": 3}) == {"n/2": 3, "m": 1}
    assert join({"n/2": 3}, {"n/1": 2}) == {"n/2": 3}
    assert includes({"n/2": 3}, {"n/1": 2})
    assert includes({"n/2": 3}, {"n/2": 3})
    assert not includes({"n/2": 3}, {"n/1": 3})
    assert covers({"n/2": 3}, make_commit("c", 2, origin="n/1"))
    assert not covers({"n/2": 3}, make_commit("c", 4, origin="n/1"))
    assert is_elsewhere({"n/2": 3}, "n/1", 3)
    assert not is_elsewhere({"n/2": 3}, "n/2", 3)
    assert not is_elsewhere({"n/2": 3}, "m/2", 3)


def test_a_node_counts_anew_in_each_history() -> None:
    assert {each: (node_of(each), writer_of(each)) for each in ("n", "n/1", "n/h/1")} == {
        "n": ("n", "n"),
        "n/1": ("n", "n"),
        "n/h/1": ("n", "n/h"),
    }
    assert join({"n/1": 2, "n/h/1": 4}, {"n/h/2": 5}) == {"n/1": 2, "n/h/2": 5}
    assert not covers({"n/1": 2}, make_commit("c", 1, origin="n/h/1"))


def test_where_a_history_has_been() -> None:
    loaded = Loaded(
        make_snapshot("c", {"n/1": 3, "m": 1}),
        (make_commit("c", 4, origin="n/1"), make_commit("c", 5, origin="n/2")),
    )
    for vector in ({"n/1": 3, "m": 1}, {"n/1": 4, "m": 1}, {"n/2": 5, "m": 1}):
        assert loaded.has_been_at(vector)
    for vector in (
        {"n/1": 2, "m": 1},
        {"n/1": 3},
        {"n/1": 5, "m": 1},
        {"n/2": 6, "m": 1},
        {"n/0": 3, "m": 1},
    ):
        assert not loaded.has_been_at(vector)
    assert Loaded(None, ()).has_been_at({})
    assert not Loaded(None, ()).has_been_at({"n": 1})
