"""Rich texts over REST: the fragments of a collection, in the form that a request asks for or brings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from protobase_live.errors import ValidationError
from protobase_live.model.operations import CheckedOp, Read, Target
from protobase_live.model.values import short
from protobase_live.rich_text import DIALECTS, FORMS, PROSEMIRROR_JSON, TIPTAP, read_form, write_form
from protobase_live.server.rest.answers import Answer, Refusal, checked
from protobase_live.server.rest.commits import Condition, Work, commit, etag
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.services import Services
from protobase_live.structures import XmlFragment

MEDIA_TYPES: Mapping[str, str] = {
    PROSEMIRROR_JSON: "application/json",
    **{name: form.media_type for name, form in FORMS.items()},
}
"""The type of a body by the form that is in it."""

_FORMS = {media_type: form for form, media_type in MEDIA_TYPES.items()}

_SAFE = [("x-content-type-options", "nosniff"), ("content-security-policy", "default-src 'none'; sandbox")]
"""What keeps a browser that opens it from running anything, whatever is in it."""


async def get_fragment(at: Services, request: Request) -> Answer:
    """A rich text in a form, and its version as ETag."""
    form = _asked(request)
    document = await at.database.read(request.path["collection"], _document(request))
    body = await asyncio.to_thread(_body, document, form)
    told = MEDIA_TYPES[form] + ("" if form == PROSEMIRROR_JSON else "; charset=utf-8")
    headers = [("etag", etag(document)), ("vary", "Accept"), *_SAFE]
    return Answer(body=checked(body, at.limits.http_answer_bytes), headers=headers, type=told)


async def put_fragment(at: Services, request: Request) -> Answer:
    """Make something the whole rich text, by a small difference; open editors show it."""
    return await _write(at, request, "replace")


async def append_fragment(at: Services, request: Request) -> Answer:
    """Add blocks at the end of a rich text."""
    return await _write(at, request, "append")


async def content_in_body(kind: str, body: bytes) -> Any:
    """The form of a body and what it says in it. JSON is ProseMirror's: no tag in it means anything.

    Raises ValueError where it is none, Refusal for another type.
    """
    form = _FORMS.get(kind)
    if form is None:
        error = ValidationError(f"the body is {kind}; a rich text is {', '.join(_FORMS)}")
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, error)
    text = body.decode()
    content = await asyncio.to_thread(json.loads, text) if form == PROSEMIRROR_JSON else text
    return {"form": form, "content": content}


async def _write(at: Services, request: Request, action: str) -> Answer:
    given, dialect = request.object(), request.query.get("dialect", TIPTAP)
    if dialect not in DIALECTS:
        raise ValidationError(f"dialect is {short(dialect)}; expected {', '.join(DIALECTS)}")
    document = await asyncio.to_thread(read_form, given["content"], given["form"], dialect)
    name, wanted = request.path["collection"], request.headers.get("if-match")
    condition = None if wanted is None else Condition(name, _document(request), wanted)
    writes = {name: [CheckedOp(_target(request), action, (document,))]}
    return await commit(at, request, Work(writes, author=request.author, condition=condition))


def _asked(request: Request) -> str:
    """The form that the query string names, or the one that the header Accept likes best."""
    form = request.query.get("form")
    if form is None:
        return _accepted(request.headers.get("accept", "*/*"))
    if form not in MEDIA_TYPES:
        raise ValidationError(f"form is {short(form)}; expected {', '.join(MEDIA_TYPES)}")
    return form


def _accepted(header: str) -> str:
    liked = {form: _liking(header, media_type) for form, media_type in MEDIA_TYPES.items()}
    best = max(liked, key=lambda form: liked[form])
    if not liked[best]:
        error = ValidationError(f"Accept is {short(header)}; a rich text is {', '.join(_FORMS)}")
        raise Refusal(HTTPStatus.NOT_ACCEPTABLE, error)
    return best


def _liking(header: str, media_type: str) -> float:
    """The quality, 0 to 1, that a header Accept gives a type: of the nearest range (RFC 9110, 12.5.1)."""
    found = dict[str, float]()
    for each in header.split(","):
        name, *parameters = (piece.strip() for piece in each.lower().split(";"))
        found[name] = next((_quality(piece[2:]) for piece in parameters if piece.startswith("q=")), 1.0)
    ranges = (media_type, media_type.partition("/")[0] + "/*", "*/*")
    return next((found[each] for each in ranges if each in found), 0.0)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _body(document: Any, form: str) -> bytes:
    found = write_form(document, form)
    if form == PROSEMIRROR_JSON:
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    return found.encode()


def _document(request: Request) -> Read:
    return Read(_target(request), "document")


def _target(request: Request) -> Target:
    return Target(XmlFragment.kind, (request.path["fragment"],))
