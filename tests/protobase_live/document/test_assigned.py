"""What a transaction does to a field that it assigns as well, as it is found out and as it is carried out.

What is found out only while it is written would leave the rest of the transaction done.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from protobase_live.document import Document
from protobase_live.errors import KindMismatch, ProtoBaseError, RecordExists, RecordMissing, ValidationError
from protobase_live.model.operations import RECORDS, Op, Target
from protobase_live.protocol.steps import at_once

NAME = ("records", "k", "f")
LIST, COUNTER, SET = Target("list", NAME), Target("counter", NAME), Target("set", NAME)


def _record(action: str, value: Any = ..., merge: str | None = None) -> Op:
    fields = {} if value is ... else {"f": value}
    return Op(RECORDS, action, ("k", fields, {"f": merge} if merge else {}))


DELETE = Op(RECORDS, "delete", ("k",))
OPS = {
    "delete": DELETE,
    "insert nothing": _record("insert"),
    "insert a list": _record("insert", [1, 2], "list"),
    "put nothing": _record("put"),
    "put a list": _record("put", [7]),
    "put a text": _record("put", "many"),
    "update to a list": _record("update", [8], "list"),
    "update to a plain list": _record("update", [8, 8]),
    "update to a number": _record("update", 5),
    "update to None": _record("update", None),
    "extend": Op(LIST, "extend", ([3],)),
    "cut the third": Op(LIST, "delete", (2, 1)),
    "count": Op(COUNTER, "add", (1,)),
    "add": Op(SET, "add", (1,)),
}
ON_FIELDS = [name for name, op in OPS.items() if op.target != RECORDS]
BEGINNINGS = {
    "no record": [],
    "no field": [_record("insert")],
    "a list": [_record("insert", [1, 2, 3], "list")],
    "a set": [_record("insert", {1})],
    "a counter": [_record("insert", 3, "counter")],
    "a plain list": [_record("insert", [1])],
}


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS)
@pytest.mark.parametrize("first", OPS)
def test_together_they_do_what_they_do_one_after_the_other(beginning: list[Op], first: str) -> None:
    for names in itertools.product([first], OPS, ON_FIELDS):
        ops = [OPS[name] for name in names]
        assert _together(beginning, ops) == _one_by_one(beginning, ops), names


def _document(beginning: list[Op]) -> Document:
    document = Document("node")
    at_once(document.load([]))
    for op in beginning:
        _write(document, [op])
    return document


def _write(document: Document, ops: list[Op]) -> None:
    ready = document.rehearse(ops)
    with document.writing():
        document.write(ready)
    document.finish()


def _together(beginning: list[Op], ops: list[Op]) -> Any:
    document = _document(beginning)
    try:
        ready = document.rehearse(ops)
    except ProtoBaseError as error:
        return type(error)
    with document.writing():
        document.write(ready)
    document.finish()
    return dict(document.records)


def _one_by_one(beginning: list[Op], ops: list[Op]) -> Any:
    document = _document(beginning)
    try:
        for op in ops:
            _write(document, [op])
    except (KindMismatch, RecordExists, RecordMissing, ValidationError) as error:
        return type(error)
    return dict(document.records)
