"""Version vectors."""

from hypothesis import given
from hypothesis import strategies as st

from protobase_storage import Loaded, covers, includes, join
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


def test_absent_is_zero() -> None:
    assert includes({}, {"a": 0})
    assert not includes({}, {"a": 1})
    assert covers({"node-a": 2}, make_commit("c", 2))
    assert not covers({"other": 9}, make_commit("c", 1))


def test_loaded_joins_snapshot_and_commits() -> None:
    loaded = Loaded(make_snapshot("c", {"node-a": 3, "x": 1}), (make_commit("c", 4), make_commit("c", 2)))
    assert loaded.vector == {"node-a": 4, "x": 1}
    assert Loaded(None, ()).vector == {}
