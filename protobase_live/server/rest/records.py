"""Records over REST."""

from __future__ import annotations

from http import HTTPStatus

from protobase_live.errors import RecordMissing, ValidationError
from protobase_live.model.ids import system_ids
from protobase_live.model.operations import RECORDS, Op, Read
from protobase_live.model.values import short
from protobase_live.server.rest.answers import Answer, listing
from protobase_live.server.rest.commits import Condition, Work, commit, versioned
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services

PAGE, MOST_PAGE = 100, 1_000
"""How many records a page has unless ``limit`` says so, and at most."""


async def list_records(at: Services, request: Request) -> Answer:
    """A page of records, in the order of their keys."""
    limit = request.count("limit", PAGE, MOST_PAGE)
    asked = Read(RECORDS, "items", (request.query.get("after"), limit))
    page = await at.database.read(request.path["collection"], asked)
    records = [{"key": key, "fields": fields} for key, fields in page]
    following = records[-1]["key"] if len(records) == limit else None
    return await listing("records", records, {"next": following}, at.limits.http_answer_bytes)


async def get_record(at: Services, request: Request) -> Answer:
    """A record's fields, and its version as ETag."""
    key = request.path["key"]
    found = await at.database.read(request.path["collection"], _get(key))
    if found is None:
        raise RecordMissing(f"{request.path['collection']}: there is no record {key!r}")
    return versioned(request, found, found, at.limits.http_answer_bytes)


async def insert_record(at: Services, request: Request) -> Answer:
    """Add a record under a key that is made here."""
    key = system_ids()
    writes = {request.path["collection"]: [Op(RECORDS, "insert", (key, request.object(), {}))]}
    told = {"key": key}
    work = Work(writes, author=request.author, told=told, status=HTTPStatus.CREATED, place="records/")
    return await commit(at, request, work)


async def put_record(at: Services, request: Request) -> Answer:
    """Add a record, or replace the one that is there."""
    known = request.headers.get("if-none-match")
    if known is not None and known.strip() != "*":
        raise ValidationError(f"If-None-Match is {short(known)}; expected *, for a record that is to be new")
    verb = "put" if known is None else "insert"
    return await _write(at, request, Op(RECORDS, verb, (request.path["key"], request.object(), {})))


async def patch_record(at: Services, request: Request) -> Answer:
    """Set some fields of a record, and leave the others."""
    return await _write(at, request, Op(RECORDS, "update", (request.path["key"], request.object(), {})))


async def delete_record(at: Services, request: Request) -> Answer:
    """Remove a record; one that is not there stays so."""
    return await _write(at, request, Op(RECORDS, "delete", (request.path["key"],)))


async def _write(at: Services, request: Request, op: Op) -> Answer:
    name, key, wanted = request.path["collection"], request.path["key"], request.headers.get("if-match")
    condition = None if wanted is None else Condition(name, _get(key), wanted)
    return await commit(
        at, request, Work({name: [op]}, author=request.author, told={"key": key}, condition=condition)
    )


def _get(key: str) -> Read:
    return Read(RECORDS, "get", (key,))
