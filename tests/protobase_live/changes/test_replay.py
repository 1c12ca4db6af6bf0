"""Changes read from the log: each once, from wherever the reader was, or all there is behind a mark."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st
from pycrdt import Doc, Text

from protobase_live.changes import replay as module
from protobase_live.changes.replay import replay
from protobase_live.collection.fold import fold
from protobase_live.collection.state import leaps
from protobase_live.document import Document, Room
from protobase_live.model.change import Change
from protobase_live.model.cursor import Cursor, Half
from protobase_live.model.operations import INDEXES, RECORDS, Op, Target
from protobase_live.protocol.steps import at_once
from protobase_storage import Commit, Loaded, Snapshot, covers, follows

BODY = Target("text", ("body",))


def log_of(*turns: Sequence[Op]) -> tuple[Commit, ...]:
    """A commit for each turn."""
    document, commits = Document("node"), []
    for sequence, ops in enumerate(turns, 1):
        with document.writing():
            document.write(document.rehearse(ops), "ann")
        outcome = document.finish()
        assert outcome is not None
        commits.append(Commit("node", sequence, "tasks", outcome.update, outcome.parts, 0.0))
    document.close()
    return tuple(commits)


def put(*keys: str, n: int = 0) -> list[Op]:
    return [Op(RECORDS, "put", (key, {"n": n}, {})) for key in keys]


LOG = log_of(put("a1", "a2", "a3"), put("b1", "b2"), put("c1", "c2"))
ALL = {"node": 3}


def folded(commits: Sequence[Commit], count: int) -> Loaded:
    """The log with the first commits in a snapshot."""
    update = fold([commit.update for commit in commits[:count]])
    return Loaded(Snapshot("tasks", update, {"node": count}, 0.0), tuple(commits[count:]))


async def given(
    loaded: Loaded, cursor: Cursor, until: Mapping[str, int] = ALL, opened: Sequence[Target] = ()
) -> tuple[list[Change], Cursor | None]:
    """All changes, and the position behind them."""
    changes: list[Change] = []
    last = None
    async for found, position in replay("tasks", loaded, cursor, until, opened):
        changes += found
        last = position
    return changes, last


def keys(changes: Sequence[Change]) -> list[str | None]:
    return [change.key for change in changes]


async def test_who_has_seen_only_one_of_several_leaps_begins_anew() -> None:
    """The first of them has all that they bring in its update."""
    state = Snapshot("tasks", fold([commit.update for commit in LOG]), {"node": 3, "other": 1}, 0.0)
    loaded = Loaded(None, tuple(leaps(state, {}, ["tasks"])))
    changes, last = await given(loaded, Cursor({"node": 3}), state.vector)
    assert changes[0].kind == "reset"
    assert {change.key for change in changes[1:]} == {"a1", "a2", "a3", "b1", "b2", "c1", "c2"}
    assert last == Cursor(state.vector)


async def test_from_the_beginning() -> None:
    changes, position = await given(Loaded(None, LOG), Cursor())
    assert keys(changes) == ["a1", "a2", "a3", "b1", "b2", "c1", "c2"]
    assert {(change.kind, change.author) for change in changes} == {("insert", "ann")}
    assert position == Cursor(ALL)


async def test_what_the_cursor_has_seen_is_left_out_and_known() -> None:
    log = log_of(put("a"), put("a", n=1))
    changes, _ = await given(Loaded(None, log), Cursor({"node": 1}), {"node": 2})
    assert [(change.kind, change.before, change.after) for change in changes] == [
        ("update", {"n": 0}, {"n": 1})
    ]


@pytest.mark.parametrize("seen", range(8))
async def test_the_cursor_of_each_change_goes_on_behind_it(seen: int) -> None:
    """Also in the middle of a commit, of which alone the changes that were seen are left out."""
    whole, _ = await given(Loaded(None, LOG), Cursor())
    cursor = Cursor.decode(whole[seen - 1].cursor) if seen else Cursor()
    rest, position = await given(Loaded(None, LOG), cursor)
    assert rest == whole[seen:]
    assert position in (Cursor(ALL), None)


async def test_what_is_not_shown_yet_is_left_out() -> None:
    changes, position = await given(Loaded(None, LOG), Cursor(), {"node": 2})
    assert keys(changes) == ["a1", "a2", "a3", "b1", "b2"]
    assert position == Cursor({"node": 2})


async def test_a_log_that_was_folded_up_to_the_cursor_goes_on() -> None:
    changes, _ = await given(folded(LOG, 1), Cursor({"node": 1}))
    assert keys(changes) == ["b1", "b2", "c1", "c2"]


async def test_a_log_that_was_folded_beyond_the_cursor_is_a_reset() -> None:
    was = Cursor({"node": 1})
    changes, position = await given(folded(LOG, 2), was)
    assert (changes[0].kind, changes[0].key) == ("reset", None)
    assert keys(changes[1:]) == ["a1", "a2", "a3", "b1", "b2", "c1", "c2"]
    assert {change.kind for change in changes[1:]} == {"insert"}
    assert {change.cursor for change in changes[:-1]} == {was.encode()}, "until the end it begins again"
    assert changes[-1].cursor == Cursor(ALL).encode()
    assert position == Cursor(ALL)


async def test_a_reset_shows_what_is_shown_and_no_more() -> None:
    changes, position = await given(folded(LOG, 2), Cursor({"node": 1}), {"node": 2})
    assert keys(changes[1:]) == ["a1", "a2", "a3", "b1", "b2"]
    assert position == Cursor({"node": 2})


@pytest.mark.parametrize("vector", [{"node": 4}, {"node": 3, "elsewhere": 1}])
async def test_a_cursor_from_another_history_is_a_reset(vector: dict[str, int]) -> None:
    changes, position = await given(Loaded(None, LOG), Cursor(vector))
    assert changes[0].kind == "reset"
    assert len(changes) == 8
    assert position == Cursor(ALL)


@pytest.mark.parametrize(("origin", "kind"), [("node", "insert"), ("node/elsewhere", "reset")])
async def test_a_cursor_in_the_middle_of_another_commit_is_a_reset(origin: str, kind: str) -> None:
    """Another commit may have its place in another history, and other changes."""
    changes, _ = await given(Loaded(None, LOG), Cursor({"node": 1}, Half(origin, 2, 1)))
    assert changes[0].kind == kind


async def test_a_reset_of_what_is_empty_moves_on() -> None:
    changes, position = await given(Loaded(None, ()), Cursor({"node": 1}), {})
    assert [(change.kind, change.cursor) for change in changes] == [("reset", Cursor().encode())]
    assert position == Cursor()


async def test_a_reset_does_not_show_which_indexes_are_declared() -> None:
    log = log_of([*put("a"), Op(INDEXES, "set", ("n", True)), Op(Target("dict", ("z",)), "set", ("k", 1))])
    changes, position = await given(Loaded(None, log), Cursor({"elsewhere": 1}), {"node": 1})
    assert {(change.structure, change.key) for change in changes[1:]} == {("records", "a"), ("z", "k")}
    assert position is not None
    assert changes[-1].cursor == position.encode(), "who has seen the last one does not begin again"


@pytest.mark.parametrize(("opened", "told"), [((), []), ((BODY,), ["hi"])])
async def test_structures_that_were_opened_are_told(opened: Sequence[Target], told: list[str]) -> None:
    """A root that only Yjs clients write has no kind of its own."""
    client: Doc = Doc()
    client.get("body", type=Text).insert(0, "hi")
    log = (Commit("node", 1, "tasks", client.get_update(), (), 0.0),)
    changes, position = await given(Loaded(None, log), Cursor(), {"node": 1}, opened)
    assert [change.after for change in changes if change.structure == "body"] == told
    assert position == Cursor({"node": 1})


async def test_others_run_between_the_commits() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.ensure_future(others())
    log = log_of(*(put(f"k{n}") for n in range(50)))
    await given(Loaded(None, log), Cursor(), {"node": 50})
    running.cancel()
    assert turns >= 50


@pytest.mark.parametrize("loaded", [Loaded(None, LOG), folded(LOG, 2)])
async def test_its_document_is_let_go_of_wherever_it_is_left(monkeypatch, loaded: Loaded) -> None:
    open_documents: list[Document] = []

    class Watched(Document):
        def __init__(self, replica: str, room: Room | None) -> None:
            super().__init__(replica, room=room)
            open_documents.append(self)

        def close(self) -> None:
            super().close()
            open_documents.remove(self)

    monkeypatch.setattr(module, "Document", Watched)
    await given(loaded, Cursor({"node": 1}))
    assert open_documents == []
    left = replay("tasks", loaded, Cursor({"node": 1}), ALL)
    await anext(left)
    assert len(open_documents) == 1
    await left.aclose()
    assert open_documents == []


@pytest.mark.parametrize(("room", "told"), [(Room(), ["b"]), (Room(client_bytes=10), [])])
async def test_it_holds_as_much_as_the_collection_does(room: Room, told: list[str]) -> None:
    """What the collection has let go of was told to nobody, nor what follows it; so it is not told here."""
    first, second, third = (commit.update for commit in log_of(put("a"), put("b"), put("b", n=1)))
    updates = enumerate((second, first, third), 1)
    loaded = Loaded(None, tuple(Commit("node", n, "tasks", update, (), 0.0) for n, update in updates))
    found = [each async for each, _ in replay("tasks", loaded, Cursor({"node": 2}), ALL, room=room)]
    assert [keys(each) for each in found] == [told]


def made(origin: str, sequence: int, *updates: bytes, keys: Sequence[str]) -> Commit:
    """A commit of a node that has applied some updates."""
    document = Document(origin, client_id=2**20 + 100 * ord(origin) + sequence)
    at_once(document.load(updates))
    with document.writing():
        document.write(document.rehearse(put(*keys, n=100 * ord(origin) + sequence)))
    outcome = document.finish()
    assert outcome is not None
    document.close()
    return Commit(origin, sequence, "tasks", outcome.update, outcome.parts, 0.0)


async def test_a_commit_that_was_begun_is_read_to_its_end_before_others_in_the_log() -> None:
    """A reader of B has half of its commit, and goes on at A, where other commits stand before that."""
    a, b = made("A", 1, keys=["a1", "b2"]), made("B", 1, keys=["b1", "b2", "b3"])
    on_b, _ = await given(Loaded(None, (b,)), Cursor(), {"B": 1})
    both = {"A": 1, "B": 1}
    for seen in range(1, 3):
        cursor = Cursor.decode(on_b[seen - 1].cursor)
        rest, position = await given(Loaded(None, (a, b)), cursor, both)
        assert keys(rest)[: 3 - seen] == ["b1", "b2", "b3"][seen:]
        assert keys(rest)[3 - seen] == "a1"
        assert position == Cursor(both)


async def test_a_commit_that_was_begun_and_is_not_here_is_a_gap() -> None:
    a, b = made("A", 1, keys=["a1"]), made("B", 1, keys=["b1", "b2"])
    begun = Cursor({}, Half("B", 1, 1))
    for loaded, until in ((Loaded(None, (a,)), {"A": 1}), (Loaded(None, (a, b)), {"A": 1})):
        changes, _ = await given(loaded, begun, until)
        assert [(each.kind, each.key) for each in changes] == [("reset", None), ("insert", "a1")]


@given_(st.data())
@settings(deadline=None, max_examples=60)
def test_who_goes_on_at_another_node_misses_and_repeats_nothing(data: st.DataObject) -> None:
    """Three origins, whose commits stand in different orders in the logs of two nodes."""
    logs, all_commits = _logs(data)
    asyncio.run(_read_on(data, logs, Loaded(None, all_commits).vector))


def _logs(data: st.DataObject) -> tuple[list[tuple[Commit, ...]], tuple[Commit, ...]]:
    commits: list[Commit] = []
    for origin in data.draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=7)):
        own = [each for each in commits if each.origin == origin]
        others = [each for each in commits if each.origin != origin]
        known = own + others[: data.draw(st.integers(0, len(others)))]
        known = [each for each in commits if each in known or any(_needs(one, each) for one in known)]
        wrote = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3, unique=True))
        commit = made(origin, len(own) + 1, *(each.update for each in known), keys=wrote)
        commits.append(replace(commit, after=Loaded(None, tuple(known)).vector))
    return [_causal(data, commits) for _ in range(2)], tuple(commits)


def _needs(later: Commit, earlier: Commit) -> bool:
    return covers(later.after, earlier)


def _causal(data: st.DataObject, commits: Sequence[Commit]) -> tuple[Commit, ...]:
    log: list[Commit] = []
    while len(log) < len(commits):
        vector = Loaded(None, tuple(log)).vector
        ready = [each for each in commits if each not in log and follows(vector, each)]
        log.append(data.draw(st.sampled_from(ready)))
    return tuple(log)


async def _read_on(
    data: st.DataObject, logs: list[tuple[Commit, ...]], everything: Mapping[str, int]
) -> None:
    first, _ = await given(Loaded(None, logs[0]), Cursor(), everything)
    seen = data.draw(st.integers(0, len(first)))
    cursor = Cursor.decode(first[seen - 1].cursor) if seen else Cursor()
    rest, position = await given(Loaded(None, logs[1]), cursor, everything)
    assert position in (Cursor(everything), None)
    told: dict[str | None, object] = {}
    for change in (*first[:seen], *rest):
        assert change.kind != "reset"
        assert told.get(change.key) == change.before
        told[change.key] = change.after
    document = Document("model")
    at_once(document.load([commit.update for commit in logs[1]]))
    assert told == dict(document.records)
    document.close()
