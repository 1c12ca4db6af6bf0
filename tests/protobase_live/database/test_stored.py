"""What is stored of a collection, as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_live.database.stored import as_of, pack_stored, unpack_stored, version_of
from protobase_live.errors import Conflict
from protobase_storage import Commit, Loaded, Part, Snapshot

texts = st.text(min_size=1, max_size=5)
times = st.floats(allow_nan=False)
sequences = st.integers(1, 2**63 - 1)
parts = st.builds(
    Part, st.none() | texts, st.lists(st.tuples(texts, st.none() | texts), max_size=3).map(tuple)
)
commits = st.builds(
    Commit, texts, sequences, st.just("c"), st.binary(), st.lists(parts, max_size=2).map(tuple), times
)
snapshots = st.builds(
    Snapshot, st.just("c"), st.binary(), st.dictionaries(texts, sequences, max_size=3), times
)
histories = st.builds(
    Loaded, st.none() | snapshots, st.lists(commits, max_size=3).map(tuple), st.binary(max_size=9)
)


@given(histories)
def test_there_and_back(stored: Loaded) -> None:
    assert unpack_stored("c", pack_stored(stored)) == stored


def commit(sequence: int, origin: str = "n/1") -> Commit:
    return Commit(origin, sequence, "c", b"%d" % sequence, (), 1.0)


def test_an_earlier_version_can_be_told_until_it_is_folded() -> None:
    early = Loaded(Snapshot("c", b"", {"n/1": 1}, 1.0), (commit(2), commit(3)))
    version = version_of(early)
    assert as_of(early, version) == early
    grown = Loaded(early.snapshot, (*early.commits, commit(4, "n/2"), commit(1, "m/1")))
    assert as_of(grown, version) == early
    folded = Loaded(Snapshot("c", b"", {"n/1": 2}, 1.0), (commit(3), commit(4)))
    another = Loaded(None, tuple(commit(n, "n/3") for n in range(1, 5)))
    for other in (folded, another, Loaded(None, ())):
        with pytest.raises(Conflict, match="begin again"):
            as_of(other, version)
