"""Writing over REST: conditions on what is there, and requests that are repeated and done once.

An ``Idempotency-Key`` is stored by the very commit that it belongs to: as a record of the collection
`protobase:requests/N`, which the transaction writes beside its own. All of it is one batch, so who repeats a
request after a crash finds either both or neither. N numbers the periods of ``idempotency_seconds``; the
collection of a period that is over is deleted in the one after the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from protobase_live.errors import Conflict, Overloaded, ProtoBaseError, RecordExists, ValidationError
from protobase_live.model import values
from protobase_live.model.durability import Durability
from protobase_live.model.names import RESERVED_PREFIX
from protobase_live.model.operations import RECORDS, Check, Op, Read
from protobase_live.server.rest.answers import Answer, Headers, Refusal, answer, whole
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services

KEY_HEADER = "idempotency-key"

MAX_KEY_CHARS = 255
"""Longest Idempotency-Key; above it ValidationError."""

KEYS = f"{RESERVED_PREFIX}requests/"
"""How the names of the collections begin that remember keys."""

REPLAYED: Headers = [("idempotency-replayed", "true")]


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to be there: a value of one of the versions that ``wanted``, an If-Match, names."""

    collection: str
    read: Read
    wanted: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a request does, and what it is answered with beside the receipt."""

    writes: Mapping[str, Sequence[Op]]
    checks: Sequence[Check] = ()
    author: str | None = None
    durability: Durability | None = None
    condition: Condition | None = None
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    status: HTTPStatus = HTTPStatus.OK
    place: str | None = None
    """Where, relative to the request's path, the key stands that it is told; for the header Location."""


async def commit(at: Services, request: Request, work: Work) -> Answer:
    """Do it, or find that it was done by an earlier request with the same Idempotency-Key.

    Raises what `Database.commit` raises; ValidationError for a key that is none; Overloaded for one too many;
    Refusal for one that was used for something else, and where the condition does not hold.
    """
    key = request.headers.get(KEY_HEADER)
    if key is not None and not 1 <= len(key) <= MAX_KEY_CHARS:
        raise ValidationError(f"an Idempotency-Key has 1 to {MAX_KEY_CHARS} characters, not {len(key)}")
    await at.database.check_commit(work.writes, work.checks)  # what was answered before is no secret then
    try:
        return await (_done(at, work) if key is None else Once(at, request, key).commit(work))
    except Conflict as error:
        if work.condition is None:
            raise
        error.retryable = False  # the same header fits no better later
        raise Refusal(HTTPStatus.PRECONDITION_FAILED, error) from error


def etag(value: Any) -> str:
    """The version of a value: the digest that transactions check, too."""
    return f'"{values.digest(value).hex()}"'


def versioned(request: Request, found: Any, value: Any, most_bytes: int) -> Answer:
    """The answer that tells a ``value``, and the version of what was ``found`` as ETag; without the value
    where If-None-Match names that. A cache in between may have made a version weak, ``W/"..."``, which is as
    good for this.

    Raises LimitExceeded for more than ``most_bytes``.
    """
    headers = [("etag", etag(found))]
    known = request.headers.get("if-none-match", "")
    if _names(known.replace('W/"', '"'), found):
        return Answer(HTTPStatus.NOT_MODIFIED, headers=headers)
    return whole(value, most_bytes, headers)


def _names(versions: str, found: Any) -> bool:
    """Whether a value is of one of the versions that a header names; ``*`` is any that there is."""
    if found is None:
        return False
    return versions.strip() == "*" or etag(found) in [each.strip() for each in versions.split(",")]


async def _done(
    at: Services, work: Work, writes: Mapping[str, Sequence[Op]] | None = None, checks: Sequence[Check] = ()
) -> Answer:
    """Do it, with these ``writes`` and ``checks`` of the server's own, too."""
    found = [*work.checks, *await _held(at, work.condition)]
    receipt = await at.database.commit(
        work.writes, found, work.author, work.durability, own_writes=writes, own_checks=checks
    )
    cursors = {name: cursor for name, cursor in receipt.cursors.items() if not name.startswith(KEYS)}
    return _told(work, {**work.told, "cursors": cursors, "nodes": receipt.nodes})


async def _held(at: Services, condition: Condition | None) -> list[Check]:
    """The check that a condition goes on to hold. Raises Conflict if it does not hold now."""
    if condition is None:
        return []
    found = await at.database.read(condition.collection, condition.read)
    if not _names(condition.wanted, found):
        raise Conflict("what is there is of no version that If-Match names")
    return [Check(condition.collection, condition.read, values.digest(found))]


def _told(work: Work, told: Mapping[str, Any], headers: Headers = ()) -> Answer:
    place = [] if work.place is None else [("location", work.place + quote(told["key"], safe=""))]
    return answer(told, work.status, [*place, *headers])


class Once:
    """One request with a key."""

    def __init__(self, at: Services, request: Request, key: str) -> None:
        self._at = at
        self._key = hashlib.blake2b(values.pack([request.author, key]), digest_size=16).hexdigest()
        said = {name: value for name, value in request.query.items() if name != "token"}
        asked = [request.method, dict(request.path), said, request.body]
        self._request = values.digest(asked).hex()
        self._seconds = at.limits.idempotency_seconds
        self._now = at.epoch + at.clock.monotonic()  # a clock that is set forgets no key
        self._period = int(self._now // self._seconds)

    async def commit(self, work: Work) -> Answer:
        """See `commit`."""
        if (earlier := await self._earlier()) is not None:
            return await self._again(work, earlier)
        await self._make_room()
        remembered = {"request": self._request, "told": dict(work.told)}
        writes = {self._home(0): [Op(RECORDS, "insert", (self._key, remembered, {}))]}
        try:
            return await _done(self._at, work, writes, self._checks())
        except (RecordExists, Conflict):
            if (earlier := await self._earlier()) is None:
                raise
            return await self._again(work, earlier)

    def _home(self, back: int) -> str:
        return f"{KEYS}{self._period - back}"

    def _checks(self) -> list[Check]:
        """That the key was not written to the period before: only who began in it may still do so."""
        if self._now % self._seconds > self._at.limits.request_seconds:
            return []
        return [Check(self._home(1), self._read(), values.digest(None))]

    def _read(self) -> Read:
        return Read(RECORDS, "get", (self._key,))

    async def _earlier(self) -> Any:
        for back in (0, 1):
            if (found := await self._at.whole.read(self._home(back), self._read())) is not None:
                return found
        return None

    async def _again(self, work: Work, earlier: Any) -> Answer:
        """What the earlier request was answered with; its cursors are those of now, which include it."""
        if earlier.get("request") != self._request:
            error = ValidationError("this Idempotency-Key was used for another request")
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error)
        cursors = {name: await self._cursor(name) for name in work.writes}
        return _told(work, {**earlier["told"], "cursors": cursors, "nodes": 1}, REPLAYED)

    async def _cursor(self, collection: str) -> str:
        async with self._at.whole.changes(collection) as stream:
            return self._at.database.seen_cursor(collection, stream.cursor)

    async def _make_room(self) -> None:
        """Raises Overloaded if this period has as many keys as it may."""
        count = await self._at.whole.read(self._home(0), Read(RECORDS, "count"))
        if count == 0:
            await self._forget()
        if count >= self._at.limits.idempotency_keys:
            most = self._at.limits.idempotency_keys
            raise Overloaded(f"{most} keys within {self._seconds:g} seconds (idempotency_keys)")

    async def _forget(self) -> None:
        """Delete the collections of periods that are over; what fails is tried again in the next one."""
        with suppress(ProtoBaseError):
            for each in await self._at.whole.collections(KEYS):
                period = each.name.removeprefix(KEYS)
                if period.isdecimal() and int(period) < self._period - 1:
                    await self._at.whole.drop(each.name)
