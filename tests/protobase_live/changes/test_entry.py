"""What a commit did: its changes in order, each once, with a cursor behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from protobase_live.changes.entry import SLICE_CHANGES, SLICE_PLACES, Entry, after
from protobase_live.document import Difference
from protobase_live.model.change import Change
from protobase_live.model.cursor import Cursor, Half
from protobase_live.protocol.steps import at_once
from protobase_storage import Commit, Part


def commit(sequence: int, parts: tuple[Part, ...] = (), origin: str = "node") -> Commit:
    return Commit(origin, sequence, "tasks", b"", parts, 0.0)


def changes_of(
    commit: Commit, differences: Sequence[Difference], before: Mapping[str, int]
) -> Sequence[Change]:
    return at_once(Entry(commit, differences, before, after(commit, before)).changes_in_steps())


def keys(changes: Sequence[Change]) -> list[object]:
    return [change.key for change in changes]


def test_a_change_says_what_was_and_what_is() -> None:
    parts = (Part("ann", (("records", "a"), ("records", "b"), ("records", "c"))),)
    found = changes_of(
        commit(1, parts),
        [
            Difference("records", "a", None, {"n": 1}),
            Difference("records", "b", {"n": 1}, {"n": 2}),
            Difference("records", "c", {"n": 2}, None),
        ],
        {},
    )
    assert [(each.kind, each.key, each.before, each.after, each.author) for each in found] == [
        ("insert", "a", None, {"n": 1}, "ann"),
        ("update", "b", {"n": 1}, {"n": 2}, "ann"),
        ("delete", "c", {"n": 2}, None, "ann"),
    ]


def test_changes_stand_by_who_touched_them_last() -> None:
    parts = (
        Part("ann", (("records", "a"), ("records", "z"))),
        Part("bob", (("records", "a"), ("body", None))),
    )
    differences = [
        Difference("records", "a", None, {}),
        Difference("records", "z", None, {}),
        Difference("body", None, None, "text"),
        Difference("records", "nobody's", None, {}),
    ]
    for order in (differences, differences[::-1]):
        found = changes_of(commit(1, parts), order, {})
        assert [(each.key, each.author) for each in found] == [
            ("z", "ann"),
            (None, "bob"),
            ("a", "bob"),
            ("nobody's", None),
        ]


def test_a_part_that_names_a_structure_touched_all_of_it() -> None:
    parts = (Part("ann", (("records", None),)), Part("bob", (("records", "b"),)))
    differences = [Difference("records", key, None, {}) for key in "ab"]
    found = changes_of(commit(1, parts), differences, {})
    assert [(each.key, each.author) for each in found] == [("a", "ann"), ("b", "bob")]


def test_each_cursor_goes_on_right_behind_its_change() -> None:
    before = {"node": 4, "other": 2}
    differences = [Difference("records", key, None, {}) for key in "abc"]
    found = changes_of(commit(5), differences, before)
    assert keys(found) == ["a", "b", "c"]
    assert [Cursor.decode(each.cursor) for each in found] == [
        Cursor(before, Half("node", 5, 1)),
        Cursor(before, Half("node", 5, 2)),
        Cursor({"node": 5, "other": 2}),
    ]


def test_a_commit_without_differences_has_no_changes() -> None:
    assert list(changes_of(commit(1), (), {})) == []


def test_a_vector_with_a_commit_is_another_one() -> None:
    before = {"node": 1}
    assert after(commit(2), before) == {"node": 2}
    assert after(commit(7, origin="other"), before) == {"node": 1, "other": 7}
    assert before == {"node": 1}


def test_readers_share_what_they_work_out_in_steps() -> None:
    count = 2 * SLICE_CHANGES + 1
    differences = [Difference("records", f"{n:05}", None, {}) for n in range(count)]
    entry = Entry(commit(1), differences, {}, {"node": 1})
    first, second = entry.changes_in_steps(), entry.changes_in_steps()
    for reader in (first, second, first):
        next(reader)
    found = at_once(second)
    assert keys(found) == [f"{n:05}" for n in range(count)]
    assert at_once(first) is found


def test_readers_who_give_up_again_and_again_come_to_an_end() -> None:
    count = SLICE_PLACES * 3
    differences = [Difference("records", f"{n:06}", None, {}) for n in reversed(range(count))]
    made = commit(1)
    entry = Entry(made, differences, {}, after(made, {}))
    found = None
    for _ in range(2 * (count // SLICE_PLACES + count // SLICE_CHANGES)):
        try:
            steps = entry.changes_in_steps()
            next(steps)
            next(steps)
        except StopIteration as end:
            found = end.value
    assert found is not None
    assert keys(found) == [f"{n:06}" for n in range(count)]
