"""What the Python client does with given input, as JSON: other clients have to do the same.

Values stand in their JSON form (``docs/protocol.md``), bytes of frames and digests in hexadecimal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from pycrdt import Doc, Map

import protobase_live as pb
from protobase_live import F
from protobase_live.client.address import live_url
from protobase_live.errors import ProtoBaseError
from protobase_live.live.live_rows import LiveRows
from protobase_live.model import values
from protobase_live.protocol.live.failure import Failure
from protobase_live.query.result.diff import Diff, RowChange
from protobase_live.structures import KINDS
from tests.vectors.overlays import overlays
from tests.vectors.sessions import sessions

FOLDER = Path(__file__).parent

ZONE = timezone(timedelta(hours=-3, minutes=-30))

VALUES: Mapping[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "minus zero": -0.0,
    "fixed": 127,
    "one byte": 255,
    "two bytes": 256,
    "four bytes": 2**31,
    "eight bytes": 2**32,
    "largest safe": 2**53 - 1,
    "beyond safe": 2**53,
    "largest of 64 bits": 2**64 - 1,
    "beyond 64 bits": 2**64,
    "negative fixed": -32,
    "negative byte": -33,
    "negative two bytes": -129,
    "negative four bytes": -32769,
    "negative eight bytes": -(2**31) - 1,
    "smallest safe": -(2**53) + 1,
    "smallest of 64 bits": -(2**63),
    "below 64 bits": -(2**63) - 1,
    "fraction": 0.1,
    "integral float": 3.0,
    "large float": 2.0**60,
    "huge float": 1e300,
    "empty text": "",
    "text": "Grüße",
    "31 bytes": "a" * 31,
    "32 bytes": "a" * 32,
    "long text": "b" * 300,
    "pair": "\U0001f600",
    "no bytes": b"",
    "bytes": b"\x00\xff",
    "many bytes": bytes(range(256)),
    "naive": datetime(2026, 11, 28, 9, 30),
    "utc": datetime(2026, 11, 28, 9, 30, tzinfo=UTC),
    "offset": datetime(2026, 11, 28, 9, 30, 0, 120, tzinfo=ZONE),
    "offset with seconds": datetime(1900, 1, 1, tzinfo=timezone(timedelta(minutes=9, seconds=21))),
    "offset with less": datetime(1900, 1, 1, tzinfo=timezone(-timedelta(microseconds=500))),
    "date": date(2026, 11, 28),
    "empty list": [],
    "list": [1, "a", [None]],
    "15 items": [0] * 15,
    "16 items": [0] * 16,
    "empty object": {},
    "order": {"b": 1, "a": 2, "10": 3, "2": 4},
    "16 keys": {f"k{n:02}": n for n in range(16)},
    "surrogates": {"\U0001f600": 1, "\ufb00": 2},
    "marked": {"@": "int", "v": "1"},
    "proto": {"__proto__": 1},
    "set": {1, "a", (1, 2)},
    "empty set": set(),
    "map": {1: "one", (1, "a"): "pair", "x": None},
    "nested": {"a": [{"b": {"c": b"\x01"}}], "when": [date(2000, 2, 29)]},
}
"""Everything that has a form of its own, and the borders between them."""

ATOMS = (
    "null",
    "true",
    "zero",
    "minus zero",
    "integral float",
    "fraction",
    "beyond safe",
    "beyond 64 bits",
    "pair",
    "bytes",
    "offset",
    "date",
)


def value_vectors() -> Iterator[dict[str, Any]]:
    """Each value with its bytes and digest; an atom with the text that names it."""
    for name, value in VALUES.items():
        packed = {"name": name, "value": values.to_json(value), "packed": values.pack(value).hex()}
        text = {"key_text": values.key_text(value)} if name in ATOMS else {}
        yield {**packed, "digest": values.digest(value).hex(), **text}
    for name, atom in (("pair of atoms", (1, "a")), ("nested atoms", ((b"\x00",), None))):
        yield {
            "name": name,
            "value": values.to_json(atom),
            "packed": values.pack(atom).hex(),
            "digest": values.digest(atom).hex(),
            "key_text": values.key_text(atom),
        }


def error_vectors() -> dict[str, Any]:
    """The tree of errors, by codes."""
    found: dict[str, Any] = {}
    waiting: list[tuple[type[ProtoBaseError], str | None]] = [(ProtoBaseError, None)]
    for error, parent in waiting:
        code = Failure.of(error("")).code
        found[code] = {"parent": parent, "retryable": error.retryable}
        below = [each for each in error.__subclasses__() if each.__module__ == ProtoBaseError.__module__]
        waiting += [(each, code) for each in below]
    return dict(sorted(found.items()))


def limit_vectors() -> dict[str, float]:
    """The limits of a client, with their defaults."""
    return asdict(pb.ClientLimits())


STRUCTURES: Mapping[str, list[tuple[str, str, str, tuple[Any, ...]]]] = {
    "a set": [
        ("set", "n1", "add", ("a", 1, True)),
        ("set", "7", "add", ("a", (1, "b"))),
        ("set", "7", "remove", (1,)),
        ("set", "n1", "add", (b"\x00", 0.0)),
    ],
    "a set that was cleared": [
        ("set", "n1", "add", ("a", "b")),
        ("set", "7", "clear", ()),
        ("set", "7", "add", ("c",)),
    ],
    "a counter": [
        ("counter", "n1", "add", (3,)),
        ("counter", "7", "add", (-5,)),
        ("counter", "n1", "add", (1,)),
    ],
    "a counter beyond numbers": [("counter", "n1", "add", (2**60,)), ("counter", "7", "add", (1,))],
    "a counted set": [
        ("counted_set", "n1", "add", ("a", 2)),
        ("counted_set", "7", "add", ("a", 1)),
        ("counted_set", "7", "remove", ("a", 2)),
        ("counted_set", "7", "add", (date(2026, 11, 28), 4)),
        ("counted_set", "n1", "remove", ("b", 1)),
    ],
    "a hash dictionary": [
        ("hash_dict", "n1", "set", (1, "one")),
        ("hash_dict", "7", "set", ((1, 2), {"big": 2**53})),
        ("hash_dict", "7", "set", (True, None)),
        ("hash_dict", "n1", "set", ("gone", 1)),
        ("hash_dict", "7", "delete", ("gone",)),
    ],
}


def structure_vectors() -> Iterator[dict[str, Any]]:
    """What actions leave in the Y.Map of a structure, and what is read there."""
    for name, actions in STRUCTURES.items():
        kind = KINDS[actions[0][0]]
        doc: Doc[Any] = Doc()
        shared = doc.get("it", type=Map)
        for _, replica, action, args in actions:
            with doc.transaction():
                kind.write(shared, action, kind.check(action, args), replica)
        entries = {
            key: values.to_json(_stored(value)) for key, value in sorted((shared.to_py() or {}).items())
        }
        yield {
            "name": name,
            "kind": kind.name,
            "actions": [[replica, action, values.to_json(args)] for _, replica, action, args in actions],
            "entries": entries,
            "answer": values.to_json(kind.read(shared, kind.whole, ())),
        }


def _stored(value: Any) -> Any:
    return values.from_doc(value)


QUERIES: Mapping[str, pb.Query] = {
    "whole": pb.Query("tasks"),
    "where": pb.Query("tasks").where((F.done == False) & (F.priority >= 3)),  # noqa: E712
    "operators": pb.Query("tasks").where(
        F.owner.in_(["ann", "bob"]), F.title.starts_with("W"), F.labels.contains("x"), ~F.title.like("%y")
    ),
    "constants": pb.Query("tasks").where(
        (F.due == date(2026, 11, 28)) | (F.where == [1, 2]) | (F.size == 2**70)
    ),
    "arithmetic": pb.Query("tasks").select("title", score=F.priority * 2 + F.votes - F.age / 7 % 3),
    "order and slice": pb.Query("tasks").order_by("-priority", "title").offset(2).limit(5),
    "group": pb.Query("tasks").group_by(
        "owner", n=pb.count(), total=pb.sum("priority"), top=pb.max("due.day")
    ),
    "join": pb.Query("tasks")
    .join("users", on={"owner": "name"}, as_="user", how="left")
    .select("title", team=F.user.team),
    "union": pb.Query("tasks").union(pb.Query("notes").distinct()),
    "unnest and count": pb.Query("tasks").unnest("labels", "label").count(),
    "traverse": pb.Query("tasks").traverse("parent", 3, reverse=True),
}


def query_vectors() -> dict[str, Any]:
    """Queries by name, in the form that travels."""
    return {name: query.to_json() for name, query in QUERIES.items()}


DIFFS: Mapping[str, list[tuple[bool, list[list[Any]]]]] = {
    "all kinds": [
        (True, [["insert", 0, {"k": 1}], ["insert", 1, {"k": 2}]]),
        (False, [["insert", 0, {"k": 0}], ["move", 0, 2, {"k": 9}], ["update", 0, {"k": 5}], ["delete", 1]]),
        (True, [["insert", 0, {"k": 7}]]),
    ],
    "nothing": [(True, []), (False, [])],
}


def diff_vectors() -> Iterator[dict[str, Any]]:
    """Differences of a live query, and the rows after each."""
    for name, diffs in DIFFS.items():
        live, steps = LiveRows(lambda row: row), list[dict[str, Any]]()
        for reset, changes in diffs:
            live.hear(Diff(tuple(map(_row_change, changes)), reset, "c"))
            steps.append({"reset": reset, "changes": changes, "rows": list(live.rows)})
        yield {"name": name, "steps": steps}


def _row_change(form: list[Any]) -> RowChange:
    kind, at, *rest = form
    if kind == "move":
        return RowChange(kind, rest[0], rest[1], at)
    return RowChange(kind, at, *rest)


ADDRESSES = (
    "ws://127.0.0.1:8765/live",
    "http://127.0.0.1:8765",
    "https://example.com/",
    "ws://h:1/prefix/live/?a=1",
    "wss://user:secret@h/live",
    "ws://h:1/yjs/tasks",
    "file:./data",
    "tasks",
    "ftp://h/live",
)


def address_vectors() -> dict[str, Any]:
    """The live door of an address, or the code of the error."""
    return {url: _outcome(lambda url=url: live_url(url)) for url in ADDRESSES}


def _outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except ProtoBaseError as error:
        return {"raises": Failure.of(error).code}


MADE: Mapping[str, Callable[[], Any]] = {
    "values": lambda: list(value_vectors()),
    "errors": error_vectors,
    "limits": limit_vectors,
    "structures": lambda: list(structure_vectors()),
    "queries": query_vectors,
    "diffs": lambda: list(diff_vectors()),
    "addresses": address_vectors,
    "overlays": lambda: list(overlays()),
    "sessions": lambda: list(sessions()),
}
"""What each file holds."""


def text_of(vectors: Any) -> str:
    """The content of a file."""
    return json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"
