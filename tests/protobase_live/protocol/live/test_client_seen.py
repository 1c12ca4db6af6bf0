"""What a client insists on finding again at the next server."""

from __future__ import annotations

from itertools import count

import pytest

from protobase_live.errors import Behind, ProtocolError
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.protocol.live.client_messages import (
    CommitRequest,
    Ping,
    QueryRequest,
    ReadRequest,
    Request,
    Seen,
)
from protobase_live.protocol.live.client_opened import ClientOpened
from protobase_live.protocol.live.client_seen import ClientSeen, collections_of
from protobase_live.protocol.live.client_streams import ClientStream, ClientView
from protobase_live.protocol.live.collection_messages import DropRequest
from protobase_live.protocol.live.stream_messages import Watch

READ = Read(RECORDS, "count")


def commit(*names: str) -> CommitRequest:
    return CommitRequest(1, {name: [Op(RECORDS, "delete", ("k",))] for name in names})


def written(seen: ClientSeen, **cursors: str) -> None:
    seen.answered(commit(*cursors), {"cursors": cursors})


def told(seen: ClientSeen, *streams: ClientStream | ClientView, most: int = 100) -> Seen | None:
    return seen.request(count(7).__next__, streams, most)


def stream(number: int, cursor: str | None, *, opened: bool = True) -> ClientStream:
    made = ClientStream(number, "tasks", cursor, 10, ClientOpened())
    made.opened = opened
    return made


def view(number: int, cursor: str) -> ClientView:
    made = ClientView(number, {}, cursor)
    made.opened = True
    return made


def test_who_has_seen_nothing_says_nothing() -> None:
    assert told(ClientSeen(10), stream(1, None), stream(2, "1", opened=False)) is None


def test_it_is_the_last_write_of_each_collection_and_what_streams_and_views_have_told() -> None:
    seen = ClientSeen(10)
    written(seen, tasks="1", notes="1")
    written(seen, tasks="2")
    assert told(seen, stream(1, "5"), stream(2, "2"), view(3, "v")) == Seen(
        7, {"tasks": ["2", "5"], "notes": ["1"]}, ["v"]
    )


def test_of_what_is_too_much_the_oldest_is_left_out() -> None:
    seen = ClientSeen(2)
    for name in "abc":
        written(seen, **{name: "1"})
    assert told(seen) == Seen(7, {"c": ["1"], "b": ["1"]}, [])
    assert told(seen, view(1, "v"), most=3) == Seen(7, {"c": ["1"], "b": ["1"]}, ["v"])
    assert told(seen, view(1, "v"), most=1) == Seen(7, {"c": ["1"]}, [])
    assert told(seen, most=0) is None


def test_what_was_deleted_or_can_never_come_is_forgotten() -> None:
    seen = ClientSeen(10)
    written(seen, tasks="1", notes="1", users="1")
    seen.answered(DropRequest(1, "tasks"), None)
    seen.refused(ReadRequest(1, "users", READ), Behind("not yet"))
    final = Behind("never")
    final.retryable = False
    seen.refused(ReadRequest(1, "notes", READ), final)
    assert told(seen) == Seen(7, {"users": ["1"]}, [])


def test_a_receipt_that_is_none_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"result.value"):
        ClientSeen(1).answered(commit("tasks"), 5)


JOINED = {"from": "a", "steps": [{"join": {"query": {"from": "b", "steps": []}, "on": [], "as": "x"}}]}


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (ReadRequest(1, "tasks", READ), {"tasks"}),
        (CommitRequest(1, {"a": []}, [Check("b", READ, b"")]), {"a", "b"}),
        (QueryRequest(1, JOINED), {"a", "b"}),
        (Watch(1, JOINED, None), {"a", "b"}),
        (Ping(1), set()),
    ],
)
def test_a_request_concerns_the_collections_that_it_names(request_: Request, named: set[str]) -> None:
    assert collections_of(request_) == named
