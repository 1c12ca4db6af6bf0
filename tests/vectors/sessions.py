"""What a client's session sends and tells, whatever happens to its connections, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from protobase_live.errors import Closed, ProtoBaseError
from protobase_live.model import values
from protobase_live.model.durability import durability
from protobase_live.protocol.live import client_events as events
from protobase_live.protocol.live.client_session import ClientSession
from protobase_live.protocol.live.codec import MsgpackCodec
from protobase_live.protocol.live.collection_messages import DropRequest, EraseRequest
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.fields import parse_check, parse_op, parse_read

CODEC = MsgpackCodec()
LIMITS = {
    "message_bytes": 1000,
    "answer_bytes": 1000,
    "heartbeat_seconds": 20,
    "requests": 3,
    "subscriptions": 10,
    "credit": 3,
    "presences": 10,
    "operations": 10,
    "difference": 4,
    "seen": 2,
}
WELCOME = ["welcomed", {"type": "welcome", "version": 1, "session": "s", "limits": LIMITS}]
LOST = ["disconnected"]
GET = ["records", ["records"], "get", ["t1"]]
WRITE = {"tasks": [["records", ["records"], "insert", ["t1", {"title": "Write"}, {}]]]}
QUERY = {
    "from": "tasks",
    "steps": [{"join": {"query": {"from": "users", "steps": []}, "on": [], "as": "u", "how": "left"}}],
}


def receive(type: str, **fields: Any) -> list[Any]:
    return ["receive", {"type": type, **fields}]


def result(id: int, value: Any, **more: Any) -> list[Any]:
    return receive("result", id=id, value=value, **more)


def error(id: int | None, code: str, retryable: bool = False) -> list[Any]:
    return receive("error", id=id, code=code, message="because", retryable=retryable)


def change(cursor: str, **more: Any) -> dict[str, Any]:
    told = {"structure": "records", "kind": "insert", "key": "t1", "before": None, "after": {"n": 1}}
    return {**told, "cursor": cursor, "author": None, **more}


def receipt(**cursors: str) -> dict[str, Any]:
    return {"cursors": cursors, "nodes": 1}


SCRIPTS: Mapping[str, list[list[Any]]] = {
    "calls wait for a connection, and are answered in any order": [
        ["read", "tasks", GET],
        ["query", QUERY, True],
        WELCOME,
        result(2, {"name": "scan"}),
        result(1, None),
    ],
    "what a server refuses": [
        WELCOME,
        ["read", "tasks", GET],
        error(1, "kind_mismatch"),
        ["read", "tasks", GET],
        error(2, "odd", True),
    ],
    "a long answer comes in parts": [
        WELCOME,
        ["query", QUERY, False],
        result(1, [{"a": 1}], more=True),
        result(1, [{"a": 2}], more=True),
        result(1, [{"a": 3}]),
    ],
    "parts of a long answer that was lost count no more": [
        WELCOME,
        ["query", QUERY, False],
        result(1, [1], more=True),
        LOST,
        WELCOME,
        result(1, [2]),
    ],
    "no more requests than the server takes": [
        WELCOME,
        *[["read", "tasks", GET]] * 5,
        result(2, 1),
        result(1, 1),
        result(3, 1),
        result(4, 1),
        result(5, 1),
    ],
    "a read is sent again, a commit is not": [
        WELCOME,
        ["read", "tasks", GET],
        ["commit", WRITE, [], "ann", None],
        ["commit", {}, [["tasks", GET, b"\x00" * 8]], None, "majority"],
        LOST,
        WELCOME,
    ],
    "what was opened is named at the next server": [
        WELCOME,
        ["read", "tasks", ["text", ["body"], "open", []]],
        ["read", "tasks", ["dict", ["meta"], "open", []]],
        ["read", "notes", ["text", ["body"], "open", []]],
        result(1, False),
        result(2, True),
        result(3, False),
        ["subscribe", "tasks", "c1"],
        result(4, {"cursor": "c1"}),
        LOST,
        WELCOME,
        ["subscribe", "others", None],
    ],
    "a drop is not sent again": [WELCOME, ["drop", "tasks"], LOST, WELCOME],
    "an erasure is not sent again": [WELCOME, ["erase", "tasks", "t1"], LOST, WELCOME],
    "an erasure is the end of what was written": [
        WELCOME,
        ["commit", WRITE, [], None, None],
        result(1, receipt(tasks="c1")),
        ["erase", "tasks", None],
        result(2, {"done": ["n1"], "left": {}, "found": True}),
        LOST,
        WELCOME,
    ],
    "what was written is to be there at the next server": [
        WELCOME,
        ["commit", WRITE, [], None, None],
        result(1, receipt(tasks="c1")),
        LOST,
        WELCOME,
        result(2, None),
        ["commit", WRITE, [], None, None],
        result(3, receipt(tasks="c2", notes="n1", more="m1")),
        LOST,
        WELCOME,
    ],
    "a drop is the end of what was written": [
        WELCOME,
        ["commit", WRITE, [], None, None],
        result(1, receipt(tasks="c1")),
        ["drop", "tasks"],
        result(2, None),
        LOST,
        WELCOME,
    ],
    "what can never be there is insisted on no more": [
        WELCOME,
        ["commit", WRITE, [], None, None],
        result(1, receipt(tasks="c1")),
        LOST,
        WELCOME,
        result(2, None),
        ["query", QUERY, False],
        error(3, "behind", True),
        ["query", QUERY, False],
        error(4, "behind"),
        LOST,
        WELCOME,
    ],
    "a stream goes on behind its last change": [
        WELCOME,
        ["subscribe", "tasks", None],
        result(1, {"cursor": "c0"}),
        receive(
            "changes",
            subscription=1,
            changes=[change("c1"), change("c2", omitted=["before"], splice=[1, 2, "x"])],
        ),
        ["consumed", 1, 1],
        ["consumed", 1, 1],
        LOST,
        WELCOME,
        result(2, None),
        result(1, {"cursor": "c2"}),
        receive("changes", subscription=1, changes=[change("c3")]),
        ["unsubscribe", 1],
        result(3, None),
        receive("changes", subscription=1, changes=[change("c4")]),
    ],
    "a stream that was not read is granted what is left": [
        WELCOME,
        ["subscribe", "tasks", "c0"],
        result(1, {"cursor": "c0"}),
        receive("changes", subscription=1, changes=[change("c1"), change("c2")]),
        LOST,
        WELCOME,
        result(1, {"cursor": "c2"}),
    ],
    "more changes than were granted": [
        WELCOME,
        ["subscribe", "tasks", None],
        result(1, {"cursor": "c0"}),
        receive("changes", subscription=1, changes=[change(f"c{n}") for n in range(4)]),
    ],
    "a stream that ends for a while, and for good": [
        WELCOME,
        ["subscribe", "tasks", None],
        result(1, {"cursor": "c0"}),
        receive("ended", subscription=1, code="unavailable", message="loaded again", retryable=True),
        ["resume", 1],
        ["resume", 1],
        result(1, {"cursor": "c0"}),
        receive("ended", subscription=1, code="closed", message="over", retryable=False),
        ["resume", 1],
    ],
    "a stream that cannot be opened": [
        WELCOME,
        ["subscribe", "tasks", None],
        error(1, "unavailable", True),
        LOST,
        WELCOME,
    ],
    "a view goes on behind its last whole difference": [
        WELCOME,
        ["watch", QUERY, None],
        result(1, None),
        receive(
            "difference",
            subscription=1,
            cursor="v1",
            reset=True,
            more=True,
            changes=[["insert", 0, {"k": 1}]],
        ),
        receive(
            "difference",
            subscription=1,
            cursor="v1",
            reset=True,
            more=False,
            changes=[["insert", 1, {"k": 2}]],
        ),
        receive("difference", subscription=1, cursor="v2", reset=False, more=True, changes=[["delete", 0]]),
        LOST,
        WELCOME,
        result(2, None),
        result(1, None),
        receive(
            "difference",
            subscription=1,
            cursor="v3",
            reset=False,
            more=False,
            changes=[["move", 1, 0, {"k": 3}]],
        ),
    ],
    "a difference that is too large": [
        WELCOME,
        ["watch", QUERY, None],
        result(1, None),
        receive(
            "difference",
            subscription=1,
            cursor="v1",
            reset=True,
            more=False,
            changes=[["insert", 0, {"k": 1}]] * 5,
        ),
    ],
    "presence is announced again": [
        ["join_presence", "tasks", 7],
        ["set_presence", "tasks", 7, {"name": "ann"}],
        WELCOME,
        result(3, None),
        result(4, None),
        receive("presence", collection="tasks", complete=True, states={"9": {"name": "bob"}}),
        receive("presence", collection="tasks", complete=False, states={"9": None}),
        ["set_presence", "tasks", 7, {"name": "eve"}],
        LOST,
        WELCOME,
        ["join_presence", "tasks", 8],
        ["leave_presence", "tasks", 7],
        ["leave_presence", "tasks", 8],
        receive("presence", collection="tasks", complete=False, states={"9": 1}),
        LOST,
        WELCOME,
    ],
    "presence that was refused is joined again": [
        ["join_presence", "tasks", 7],
        ["set_presence", "tasks", 7, {"name": "ann"}],
        WELCOME,
        error(3, "forbidden"),
        error(4, "forbidden"),
        ["join_presence", "tasks", 8],
        ["set_presence", "tasks", 8, {"name": "eve"}],
        result(5, None),
        result(6, None),
        result(7, None),
        ["set_presence", "tasks", 8, {"name": "bob"}],
    ],
    "who has left is announced no more, whatever was under way": [
        WELCOME,
        ["join_presence", "tasks", 7],
        ["join_presence", "tasks", 8],
        ["set_presence", "tasks", 8, {"name": "ann"}],
        ["leave_presence", "tasks", 8],
        result(2, None),
        ["join_presence", "tasks", 9],
        ["set_presence", "tasks", 9, {"name": "eve"}],
        ["leave_presence", "tasks", 9],
        LOST,
        WELCOME,
        ["join_presence", "tasks", 8],
        ["leave_presence", "tasks", 7],
        ["leave_presence", "tasks", 8],
        LOST,
        WELCOME,
    ],
    "a call that nobody waits for": [
        WELCOME,
        ["read", "tasks", GET],
        ["commit", WRITE, [], None, None],
        ["abandon", 1],
        ["abandon", 2],
        result(1, 1),
        result(2, receipt(tasks="c1")),
        LOST,
        WELCOME,
    ],
    "too many calls": [["read", "tasks", GET]] * 8
    + [["subscribe", "tasks", None]] * 3
    + [["read", "tasks", GET]],
    "a request that is too long": [
        WELCOME,
        ["commit", {"tasks": [["text", ["notes"], "replace", ["x" * 1000]]]}, [], None, None],
    ],
    "a stream or view whose question is too long": [
        ["subscribe", "tasks", "c" * 1000],
        WELCOME,
        ["watch", {"from": "x" * 1000, "steps": []}, None],
        LOST,
        WELCOME,
    ],
    "a server that goes": [
        WELCOME,
        ["read", "tasks", GET],
        receive("bye", reason="update"),
        ["read", "tasks", GET],
        result(1, 1),
        LOST,
        WELCOME,
    ],
    "a ping waits for nothing": [WELCOME, *[["read", "tasks", GET]] * 4, ["ping"]],
    "a fresh token goes before what waits, and is not sent again": [
        ["renew", "t1"],
        WELCOME,
        *[["read", "tasks", GET]] * 4,
        receive("expiring", seconds=30),
        result(2, 1),
        ["renew", "t2"],
        result(3, 1),
        result(6, None),
        ["renew", "t3"],
        error(7, "unauthorized"),
        ["renew", "t4"],
        LOST,
        WELCOME,
    ],
    "the end": [
        WELCOME,
        ["read", "tasks", GET],
        ["commit", WRITE, [], None, None],
        ["watch", QUERY, None],
        ["close"],
        LOST,
    ],
    "no welcome": [["welcomed", {"type": "bye", "reason": ""}]],
    "a welcome that is an error": [
        [
            "welcomed",
            {"type": "error", "id": None, "code": "unauthorized", "message": "no", "retryable": False},
        ]
    ],
    "what is no protocol": [
        WELCOME,
        receive("welcome", version=1, session="s", limits=LIMITS),
        receive("result", id=-1, value=1),
        receive("result", id=1),
        receive("result", id=1, value=1, more=True),
        receive("changes", subscription=1, changes=[{}]),
        receive("difference", subscription=1, cursor="v", reset=True, more=False, changes=[["insert", 0]]),
        receive("difference", subscription=1, cursor="v", reset=True, more=False, changes=[["swap", 0, 1]]),
        receive("presence", collection="tasks", complete=True, states={"x": 1}),
        error(None, "protocol_error"),
        receive("unknown", id=1),
    ],
}


def sessions() -> Iterator[dict[str, Any]]:
    """Each script with what every step returns or raises, sends and tells."""
    for name, script in SCRIPTS.items():
        session = ClientSession(CODEC, "vectors", credit=3, max_calls=10, max_seen=2)
        steps = [{"do": _json(step), **_outcome(session, step)} for step in script]
        hello = _json(CODEC.decode(session.hello("t")))
        yield {"name": name, "credit": 3, "max_calls": 10, "max_seen": 2, "hello": hello, "steps": steps}


def _json(value: Any) -> Any:
    return values.to_json(value, as_written=True)  # of collections in a receipt the last is the newest


def _outcome(session: ClientSession, step: list[Any]) -> dict[str, Any]:
    verb, *args = step
    outcome: dict[str, Any] = {}
    try:
        returned = _do(session, verb, *args)
        if returned is not None:
            outcome["returns"] = returned
    except ProtoBaseError as wrong:
        outcome["raises"] = Failure.of(wrong).code
    sends = [_json(CODEC.decode(frame)) for frame in session.outgoing()]
    tells = [_json(_event(event)) for event in session.events()]
    return {**outcome, **({"sends": sends} if sends else {}), **({"tells": tells} if tells else {})}


def _do(session: ClientSession, verb: str, *args: Any) -> Any:
    match verb, args:
        case (("welcomed" | "receive"), (message,)):
            return getattr(session, verb)(CODEC.encode(message))
        case "read", (collection, read):
            return session.read(collection, parse_read(read, ""))
        case "commit", (writes, checks, author, level):
            ops = {name: [parse_op(op, "") for op in each] for name, each in writes.items()}
            asked = None if level is None else durability(level)
            return session.commit(ops, [parse_check(each, "") for each in checks], author, asked)
        case "drop", (collection,):
            return session.ask(lambda id: DropRequest(id, collection))
        case "erase", (collection, key):
            return session.ask(lambda id: EraseRequest(id, collection, key))
        case "close", ():
            return session.close(Closed("the end"))
        case _:
            return getattr(session, verb)(*args)


def _event(event: events.Event) -> dict[str, Any]:
    match event:
        case events.Answered(id, value):
            return {"event": "answered", "id": id, "value": value}
        case events.Failed(id, error):
            return {"event": "failed", "id": id, "code": Failure.of(error).code}
        case events.Opened(id, cursor):
            return {"event": "opened", "id": id, "cursor": cursor}
        case events.Delivered(id, changes):
            return {"event": "delivered", "id": id, "changes": [dict(each) for each in changes]}
        case events.Differed(id, cursor, reset, changes):
            return {"event": "differed", "id": id, "cursor": cursor, "reset": reset, "changes": list(changes)}
        case events.Interrupted(id, error):
            return {"event": "interrupted", "id": id, "code": Failure.of(error).code}
        case events.TokenExpiring(seconds):
            return {"event": "expiring", "seconds": seconds}
        case events.PresenceChanged(collection, states, complete):
            told = {str(client): state for client, state in states.items()}
            return {"event": "presence", "collection": collection, "states": told, "complete": complete}
