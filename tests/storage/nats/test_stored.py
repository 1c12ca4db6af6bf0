"""What a collection's messages tell, also where some of them are gone."""

from __future__ import annotations

import pytest

from protobase_storage.conformance.model import make_commit
from protobase_storage.nats.stored import Stored, Told, stored_of
from protobase_storage.nats.values import Deleted, Effect, Gone, Published


def messages(*effects: Effect) -> list[Told]:
    """One for each effect, numbered from 1."""
    return [Told(number, number - 1, b"", [each]) for number, each in enumerate(effects, 1)]


def commit(sequence: int, origin: str = "a") -> Effect:
    return make_commit("c", sequence, origin=origin)


def found(all_messages: list[Told], *gone: int) -> Stored:
    return stored_of("c", [each for each in all_messages if each.sequence not in gone])


def test_what_a_snapshot_covers_is_dropped_in_any_order() -> None:
    told = messages(*map(commit, range(1, 6)), Published({"a": 4}, 0.0, b"", b"", keep=5), commit(6))
    whole = found(told)
    for gone in ((1,), (4,), (2, 3), (1, 3), (1, 2, 3, 4)):
        left = found(told, *gone)
        assert (left.commits, left.vector) == (whole.commits, whole.vector) == (left.commits, {"a": 6})


@pytest.mark.parametrize("gone", [5, 6])
def test_what_no_snapshot_covers_is_missed(gone: int) -> None:
    told = messages(*map(commit, range(1, 6)), Published({"a": 4}, 0.0, b"", b"", keep=5), commit(6))
    with pytest.raises(Gone, match=f"message {gone} is missing"):
        found(told, 2, gone)


def test_what_was_deleted_does_not_come_back_when_the_deletion_is_dropped() -> None:
    told = messages(
        commit(1, "old"), Deleted(b""), commit(1), commit(2), Published({"a": 2}, 0.0, b"", b"", keep=5)
    )
    left = found(told, 2, 3)
    assert (left.commits, left.vector) == ((), {"a": 2})
