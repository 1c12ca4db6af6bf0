"""Which positions are of another history, as far as a collection knows where timelines began."""

from __future__ import annotations

import pytest

from protobase_live.collection.timelines import Timelines, is_in_question
from protobase_live.errors import ValidationError
from protobase_storage import Commit, Loaded, Snapshot, Vector


def commit(origin: str, sequence: int, after: Vector | None = None) -> Commit:
    return Commit(origin, sequence, "tasks", b"", (), 0.0, after or {})


def is_other(timelines: Timelines, vector: Vector, origin: str, sequence: int) -> bool:
    try:
        timelines.require_no_other("tasks", vector, origin, sequence)
    except ValidationError as error:
        return "another history" in str(error)
    return False


@pytest.fixture
def timelines() -> Timelines:
    """The writer b has gone on in a new timeline from its third commit on."""
    return Timelines(
        Loaded(None, tuple(commit(*each) for each in [("b/1", 1), ("b/1", 2), ("b/2", 3), ("b/2", 4)]))
    )


@pytest.mark.parametrize(("sequence", "other"), [(1, False), (2, False), (3, True), (4, True), (5, False)])
def test_a_timeline_has_all_places_behind_its_beginning(
    timelines: Timelines, sequence: int, other: bool
) -> None:
    assert is_other(timelines, {"b/2": 4}, "b/1", sequence) is other
    assert is_other(timelines, {"b/2": 4}, "b/3", sequence) is other
    assert not is_other(timelines, {"b/2": 4}, "b/2", sequence)
    assert not is_other(timelines, {"b/2": 4}, "a/1", sequence)


def test_what_is_noted_later_takes_the_place(timelines: Timelines) -> None:
    timelines.note("b/2", 5)
    timelines.note("b/3", 6)
    timelines.note("b/3", 7)
    assert not is_other(timelines, {"b/3": 7}, "b/2", 5)
    assert is_other(timelines, {"b/3": 7}, "b/2", 6)


def test_of_a_snapshot_only_the_last_one_is_known() -> None:
    timelines = Timelines(Loaded(Snapshot("tasks", b"", {"b/2": 4}, 0.0), ()))
    assert not is_other(timelines, {"b/2": 4}, "b/1", 3)
    assert is_other(timelines, {"b/2": 4}, "b/1", 4)


def test_what_a_commit_was_made_on_counts(timelines: Timelines) -> None:
    vector = {"b/2": 4, "a/1": 1}
    timelines.require_same(vector, commit("a/1", 2, {"b/1": 2, "a/1": 1}))
    with pytest.raises(ValidationError, match="b/1:3"):
        timelines.require_same(vector, commit("a/1", 2, {"b/1": 3, "a/1": 1}))


def test_where_nothing_is_known_of_a_beginning_the_same_place_counts() -> None:
    assert is_other(Timelines(), {"b/2": 4}, "b/1", 4)
    assert not is_other(Timelines(), {"b/2": 4}, "b/1", 3)


def test_the_log_is_asked_where_a_vector_does_not_tell() -> None:
    vector = {"b/2": 4, "a/1": 1}
    assert is_in_question(vector, commit("a/1", 2, {"b/1": 3}))
    assert not is_in_question(vector, commit("a/1", 1, {"b/1": 3})), "it is here"
    assert not is_in_question(vector, commit("a/1", 2, {"b/2": 3}))
    assert not is_in_question(vector, commit("a/1", 2, {"b/3": 5})), "it lacks that"
