"""Rows carry everything, and a checksum that notices any change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protobase_storage import CollectionCorrupt, Commit, Part
from protobase_storage.rows import log_row, read_commit

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
keys = st.lists(st.tuples(texts, st.none() | texts), max_size=3).map(tuple)
parts = st.lists(st.builds(Part, st.none() | texts, keys), max_size=3).map(tuple)
commits = st.builds(
    Commit, texts, st.integers(1, 2**63 - 1), texts, st.binary(max_size=64), parts, st.floats(allow_nan=False)
)


@given(commits, st.integers(1, 2**60), st.integers(1, 2**60))
def test_a_commit_survives_its_row(commit: Commit, collection: int, position: int) -> None:
    assert read_commit(commit.collection, log_row(collection, position, commit)) == commit


@given(commits, st.integers(0, 6), st.sampled_from([7, b"", b"\x00", None, "text", 1.5]))
def test_a_changed_column_is_noticed(commit: Commit, column: int, value: object) -> None:
    row = list(log_row(1, 1, commit))
    if row[column] == value:
        return
    row[column] = value
    with pytest.raises(CollectionCorrupt, match="checksum"):
        read_commit(commit.collection, tuple(row))
