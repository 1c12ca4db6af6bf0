"""What a transaction reads after its own writes, of a collection with given content."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from protobase_live.errors import ProtoBaseError
from protobase_live.model import values
from protobase_live.model.operations import RECORDS, Read, Target
from protobase_live.protocol.live.failure import Failure
from protobase_live.protocol.live.fields import parse_op, parse_read
from protobase_live.structures import KINDS
from protobase_live.transactions.overlay import Overlay

ROOT = ["records"]
TAGS, COUNTS, CODES, LINES, NOTES, SEEN, PAIRS = (
    ["set", ["tags"]],
    ["counted_set", ["counts"]],
    ["dict", ["codes"]],
    ["list", ["lines"]],
    ["text", ["notes"]],
    ["counter", ["seen"]],
    ["hash_dict", ["pairs"]],
)

CONTENT: Mapping[Target, Any] = {
    RECORDS: {"t1": {"title": "a", "n": 1, "tags": {"x"}}, "t2": {"title": "b"}, "t3": {"title": "c"}},
    Target("set", ("tags",)): {"a", 1},
    Target("counted_set", ("counts",)): {"a": 2, 1: 1},
    Target("dict", ("codes",)): {"b": 1, "a": None},
    Target("list", ("lines",)): [1, 2, 3],
    Target("text", ("notes",)): "a\U0001f600b",
    Target("counter", ("seen",)): 5,
    Target("hash_dict", ("pairs",)): {values.key_text((1, 2)): "pair", values.key_text(True): "yes"},
}


def record(action: str, *args: Any) -> list[Any]:
    return ["records", ROOT, action, list(args)]


def field(kind: str, key: str, name: str, verb: str, *args: Any) -> list[Any]:
    return [kind, ["records", key, name], verb, list(args)]


def of(structure: list[Any], verb: str, *args: Any) -> list[Any]:
    return [*structure, verb, list(args)]


CASES: Mapping[str, tuple[list[list[Any]], list[list[Any]]]] = {
    "records": (
        [
            record("insert", "t0", {"title": "new"}, {}),
            record("update", "t1", {"n": 2, "tags": ["y", "y"]}, {}),
            record("delete", "t2"),
            record("put", "t3", {"other": True}, {}),
            record("delete", "none"),
        ],
        [
            record("get", "t0"),
            record("get", "t1"),
            record("get", "t2"),
            record("get", "t3"),
            record("contains", "t2"),
            record("count"),
            record("keys", None, 2),
            record("items", "t0", 10),
            record("keys", "t3", 1),
        ],
    ),
    "taken": ([record("insert", "t1", {}, {})], [record("get", "t1"), record("get", "t2"), record("count")]),
    "missing": ([record("update", "none", {"n": 1}, {})], [record("contains", "none")]),
    "fields": (
        [
            field("counter", "t1", "n", "add", 4),
            field("set", "t1", "tags", "add", "z", 1),
            field("text", "t2", "title", "insert", None, "!"),
            field("list", "t2", "more", "extend", [1, 2]),
            field("counted_set", "t3", "marks", "add", "m", 2),
        ],
        [
            record("get", "t1"),
            record("get", "t2"),
            record("get", "t3"),
            field("counter", "t1", "n", "value"),
            field("set", "t1", "tags", "contains", "x"),
            field("text", "t2", "title", "count"),
            field("counted_set", "t3", "marks", "count_of", "m"),
        ],
    ),
    "a field of no record": (
        [field("counter", "none", "n", "add", 1)],
        [field("counter", "none", "n", "value")],
    ),
    "a set": (
        [of(TAGS, "add", "b", [1, "x"]), of(TAGS, "remove", "a", "none")],
        [of(TAGS, "values"), of(TAGS, "contains", "a"), of(TAGS, "count")],
    ),
    "a counted set": (
        [of(COUNTS, "add", "a", 1), of(COUNTS, "remove", 1, 5), of(COUNTS, "add", "z", 1)],
        [of(COUNTS, "items"), of(COUNTS, "count_of", 1), of(COUNTS, "count")],
    ),
    "a dictionary": (
        [of(CODES, "set", "c", [1]), of(CODES, "update", {"d": 2, "b": 3}), of(CODES, "delete", "a")],
        [
            of(CODES, "items"),
            of(CODES, "keys"),
            of(CODES, "get", "b"),
            of(CODES, "contains", "a"),
            of(CODES, "count"),
        ],
    ),
    "a list": (
        [
            of(LINES, "extend", [4]),
            of(LINES, "insert", 1, ["x", "y"]),
            of(LINES, "delete", 0, 1),
            of(LINES, "set", 0, "z"),
        ],
        [
            of(LINES, "values"),
            of(LINES, "get", -1),
            of(LINES, "slice", 1, -1),
            of(LINES, "count"),
            of(LINES, "get", 9),
        ],
    ),
    "outside of a list": ([of(LINES, "delete", 2, 5)], [of(LINES, "values")]),
    "a text": (
        [of(NOTES, "insert", 2, "é"), of(NOTES, "delete", 0, 1), of(NOTES, "insert", None, "!")],
        [of(NOTES, "value"), of(NOTES, "count")],
    ),
    "a counter": ([of(SEEN, "add", -7), of(SEEN, "add", 2**60)], [of(SEEN, "value")]),
    "a hash dictionary": (
        [of(PAIRS, "set", 1, "one"), of(PAIRS, "delete", True), of(PAIRS, "set", [1, 2], "again")],
        [of(PAIRS, "items"), of(PAIRS, "get", [1, 2]), of(PAIRS, "contains", True), of(PAIRS, "count")],
    ),
}


def overlays() -> Iterator[dict[str, Any]]:
    """Each case with the answers; the content comes first."""
    yield {"content": [_whole(target) for target in CONTENT]}
    for name, (writes, reads) in CASES.items():
        yield {
            "name": name,
            "writes": values.to_json(writes),
            "reads": [{"read": values.to_json(read), **asyncio.run(_answer(writes, read))} for read in reads],
        }


def _whole(target: Target) -> Any:
    """A structure, with the answer that tells all of it."""
    kind = KINDS[target.kind]
    args = (None, 1000) if target == RECORDS else ()
    return [target.kind, list(target.path), values.to_json(kind.answer(CONTENT[target], kind.whole, args))]


async def _ask(read: Read) -> Any:
    if len(read.target.path) == 3:
        _, key, name = read.target.path
        return KINDS[read.target.kind].answer(CONTENT[RECORDS].get(key, {}).get(name), read.method, read.args)
    return KINDS[read.target.kind].answer(CONTENT[read.target], read.method, read.args)


async def _answer(writes: list[list[Any]], asked: list[Any]) -> dict[str, Any]:
    overlay = Overlay("tasks", _ask)
    for write in writes:
        op = parse_op(write, "")
        overlay.add(op._replace(args=KINDS[op.target.kind].check(op.action, op.args)))
    read = parse_read(asked, "")
    try:
        checked = read._replace(args=KINDS[read.target.kind].check_read(read.method, read.args))
        return {"answer": values.to_json(await overlay.read(checked))}
    except ProtoBaseError as error:
        return {"raises": Failure.of(error).code}
