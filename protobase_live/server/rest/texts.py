"""Texts over REST: structures of a collection, and fields of its records."""

from __future__ import annotations

from protobase_live.model.operations import RECORDS, Op, Read, Target
from protobase_live.server.rest.answers import Answer
from protobase_live.server.rest.commits import Condition, Work, commit, versioned
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services
from protobase_live.structures import Text
from protobase_live.structures.arguments import natural


async def get_text(at: Services, request: Request) -> Answer:
    """The whole text, and its version as ETag."""
    value = await at.database.read(request.path["collection"], _value(request))
    return versioned(request, value, {"text": value}, at.limits.http_answer_bytes)


async def put_text(at: Services, request: Request) -> Answer:
    """Make something the whole text, by the smallest splice."""
    return await _write(at, request, Op(_target(request), "replace", (request.fields("text")["text"],)))


async def append_text(at: Services, request: Request) -> Answer:
    """Add at the end of the text."""
    return await _write(at, request, Op(_target(request), "insert", (None, request.fields("text")["text"])))


async def splice_text(at: Services, request: Request) -> Answer:
    """Take out characters of a text, and put others in their place; positions count code points."""
    asked, target = request.fields("index", optional=("delete", "insert")), _target(request)
    index, count = natural(asked["index"], "index"), natural(asked.get("delete", 0), "delete")
    ops = [Op(target, "delete", (index, count))] if count else []
    if not ops or "insert" in asked:
        ops.append(Op(target, "insert", (index, asked.get("insert", ""))))
    return await _write(at, request, *ops)


async def _write(at: Services, request: Request, *ops: Op) -> Answer:
    name, wanted = request.path["collection"], request.headers.get("if-match")
    condition = None if wanted is None else Condition(name, _value(request), wanted)
    return await commit(at, request, Work({name: ops}, author=request.author, condition=condition))


def _value(request: Request) -> Read:
    return Read(_target(request), "value")


def _target(request: Request) -> Target:
    """The text that a path names: a structure, or a field of a record."""
    path = request.path
    if "field" in path:
        return Target(Text.kind, (RECORDS.path[0], path["key"], path["field"]))
    return Target(Text.kind, (path["text"],))
