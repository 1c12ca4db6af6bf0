"""What a node tells of its commits."""

import json

from protobase_live.cli.demo.telling import COMMITS_PER_SECOND, UNSENT_COMMITS, Telling
from protobase_live.collection.gates import Passage
from protobase_storage import Commit, Part

PASSAGE = Passage(1e-6, 2e-6, 3e-6, 4e-6)


def commit(sequence: int = 1, collection: str = "demo/board") -> Commit:
    parts = (Part(None, ()), Part("ann", (("records", "t"),)))
    return Commit("some-id/t", sequence, collection, b"12345", parts, 0.0)


async def test_a_commit_is_told_as_pages_have_it():
    telling = Telling("n1", lambda: 0.0)
    telling.shown("some-id", [commit(7)], PASSAGE)
    assert json.loads(telling.take()) == {
        "node": "n1",
        "collection": "demo/board",
        "origin": "n1",
        "sequence": 7,
        "bytes": 5,
        "author": "ann",
        "micros": {"admit": 1, "apply": 2, "persist": 3, "show": 4},
    }
    assert telling.take() == b""


async def test_some_of_a_second_are_told_and_the_others_are_not():
    now = 0.0
    telling = Telling("n1", lambda: now)
    for second in (0.0, 0.9, 1.0):
        now = second
        for n in range(COMMITS_PER_SECOND):
            telling.shown("some-id", [commit(n)], PASSAGE)
    assert telling.take().count(b"\n") == 2 * COMMITS_PER_SECOND


async def test_while_nobody_reads_the_oldest_are_forgotten():
    now = 0.0
    telling = Telling("n1", lambda: now)
    for n in range(UNSENT_COMMITS + 5):
        now += 1.0
        telling.shown("some-id", [commit(n)], PASSAGE)
    lines = [json.loads(line)["sequence"] for line in telling.take().splitlines()]
    assert lines == list(range(5, UNSENT_COMMITS + 5))


async def test_what_is_the_servers_own_is_not_told():
    telling = Telling("n1", lambda: 0.0)
    telling.shown("some-id", [commit(collection="protobase:keys")], PASSAGE)
    assert telling.take() == b""


async def test_what_other_nodes_have_made_is_not_told():
    telling = Telling("n1", lambda: 0.0)
    telling.shown("some-other-id", [commit()], PASSAGE)
    assert telling.take() == b""
