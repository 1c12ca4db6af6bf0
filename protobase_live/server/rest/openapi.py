"""The OpenAPI description of the REST door, made from the table of its routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from protobase_live.model.names import MAX_KEY_BYTES, MAX_NAME_BYTES, RESERVED_PREFIX
from protobase_live.rich_text.document import MAX_NAME_CHARS
from protobase_live.server.rest.routes import Route

Schema = Mapping[str, Any]


def text(**more: Any) -> Schema:
    """The schema of a string."""
    return {"type": "string", **more}


def body_of(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """The schema of an object that has these fields, and may have those."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def query(name: str, schema: Schema, description: str) -> Schema:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def header(name: str, description: str, **more: Any) -> Schema:
    """A header that may be sent."""
    return {"name": name, "in": "header", "schema": text(**more), "description": description}


def limit(most: int, default: int) -> Schema:
    """The parameter that says how long a page is."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return query("limit", schema, "how many there are on a page")


def ref(name: str) -> Schema:
    """One of `SCHEMAS`."""
    return {"$ref": f"#/components/schemas/{name}"}


FIELDS: Schema = {
    "type": "object",
    "propertyNames": {"minLength": 1, "not": {"enum": ["_key", "@"]}},
    "description": "the fields of a record, by name; `@` marks values that are none of JSON",
}
MARKS: Schema = {"type": "array", "items": ref("Mark")}
NO_MARKS: Schema = {**MARKS, "maxItems": 0}
NO_ATTRIBUTES: Schema = {"type": "object", "maxProperties": 0}
NAME = text(minLength=1, maxLength=MAX_NAME_CHARS, **{"not": {"enum": ["text", "doc"]}})
"""The name of a node that is no text."""

_NULLABLE = {"type": ["string", "null"]}
_RECEIPT = {
    "cursors": {
        "type": "object",
        "additionalProperties": text(),
        "description": "a cursor behind the commit, for each collection that was written",
    },
    "nodes": {"type": "integer", "description": "on how many nodes it is known to be durable"},
}

SCHEMAS: Mapping[str, Schema] = {
    "Error": body_of(
        {
            "error": {
                "type": "object",
                "properties": {
                    "type": text(description="a class of the exception tree, such as RecordMissing"),
                    "code": text(description="the same as the live protocol says it: record_missing"),
                    "message": text(),
                    "retryable": {"type": "boolean", "description": "whether the same may succeed later"},
                },
                "required": ["type", "code", "message", "retryable"],
            }
        }
    ),
    "Receipt": {"type": "object", "properties": _RECEIPT, "required": list(_RECEIPT)},
    "KeyReceipt": {
        "type": "object",
        "properties": {"key": text(), **_RECEIPT},
        "required": ["key", *_RECEIPT],
    },
    "Record": FIELDS,
    "Records": {
        "type": "object",
        "properties": {
            "records": {"type": "array", "items": body_of({"key": text(), "fields": FIELDS})},
            "next": {**_NULLABLE, "description": "what `after` has to be for the next page; null: no more"},
        },
        "required": ["records", "next"],
    },
    "Collections": {
        "type": "object",
        "properties": {
            "collections": {
                "type": "array",
                "items": body_of(
                    {
                        "name": text(),
                        "snapshot_bytes": {"type": "integer"},
                        "log_commits": {"type": "integer"},
                        "log_bytes": {"type": "integer"},
                        "corrupt": _NULLABLE,
                        "read_only": _NULLABLE,
                    }
                ),
            },
            "next": _NULLABLE,
        },
        "required": ["collections", "next"],
    },
    "Text": body_of({"text": text()}),
    "Erase": body_of({"key": {**_NULLABLE, "description": "a record's; null: all of the collection"}}),
    "Erasure": {
        "type": "object",
        "properties": {
            "done": {"type": "array", "items": text(), "description": "nodes that have nothing left of it"},
            "left": {
                "type": "object",
                "additionalProperties": text(),
                "description": "why that is not known of others, by node",
            },
            "found": {
                "type": "boolean",
                "description": "whether it was there; else only what may have been left of it was erased",
            },
        },
        "required": ["done", "left", "found"],
    },
    "Place": body_of({"node": _NULLABLE, "address": _NULLABLE}),
    "Splice": body_of(
        {"index": {"type": "integer", "minimum": 0}},
        {"delete": {"type": "integer", "minimum": 0}, "insert": text()},
    ),
    "Document": body_of(
        {"type": {"const": "doc"}},
        {"content": {"type": "array", "items": ref("Node")}, "attrs": NO_ATTRIBUTES, "marks": NO_MARKS},
    ),
    "Node": body_of(
        {"type": NAME},
        {
            "attrs": {"type": "object"},
            "content": {"type": "array", "items": {"anyOf": [ref("Node"), ref("TextNode")]}},
            "marks": MARKS,
        },
    ),
    "TextNode": body_of({"type": {"const": "text"}, "text": text(minLength=1)}, {"marks": MARKS}),
    "Mark": body_of({"type": text(minLength=1, maxLength=MAX_NAME_CHARS)}, {"attrs": {"type": "object"}}),
    "Query": body_of(
        {
            "query": {
                "oneOf": [text(), {"type": "object"}],
                "description": "as text, or in the JSON form of docs/protocol.md",
            }
        },
        {"params": {"type": "object"}, "explain": {"type": "boolean"}},
    ),
    "Rows": {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {"type": "object"}},
            "explanation": {"type": "object"},
        },
    },
    "Transaction": body_of(
        {
            "writes": {
                "type": "object",
                "additionalProperties": {
                    "type": "array",
                    "items": {"$ref": "#/components/schemas/Operation"},
                },
                "description": "operations by collection",
            }
        },
        {
            "checks": {"type": "array", "items": {"type": "array"}},
            "author": _NULLABLE,
            "durability": {**_NULLABLE, "description": "local, peers=K or majority"},
        },
    ),
    "Operation": {
        "type": "array",
        "prefixItems": [text(), {"type": "array", "items": text()}, text(), {"type": "array"}],
        "minItems": 4,
        "maxItems": 4,
        "description": "[kind, path, action, arguments], as in docs/protocol.md",
    },
}

_PIECE = r"(?!\.{1,2}(?:/|$))[^/\u0000-\u001f\u007f-\u009f]+"
_NAME = f"{_PIECE}(?:/{_PIECE})*$"
"""A path of pieces: see `model/names.py`."""

_PATHS: Mapping[str, tuple[str, Schema]] = {
    "collection": (
        f"a collection's name, at most {MAX_NAME_BYTES} bytes of UTF-8; slashes in it are written %2F",
        text(pattern=f"^(?!{RESERVED_PREFIX}){_NAME}"),
    ),
    "key": (f"a record's key, at most {MAX_KEY_BYTES} bytes of UTF-8", text(minLength=1)),
    "text": ("the name of a text of the collection", text(pattern=f"^(?!records$|{RESERVED_PREFIX}){_NAME}")),
    "field": ("the field of a record that is a text", text(minLength=1)),
    "name": ("the name of a named query", text(minLength=1)),
    "fragment": (
        "the name of a rich text of the collection",
        text(pattern=f"^(?!records$|{RESERVED_PREFIX}){_NAME}"),
    ),
}

_REASONS = {
    "400": "what was sent is wrong",
    "401": "the token was not accepted",
    "403": "who asks may not do this, or pages of this origin may not read it",
    "404": "there is nothing here",
    "405": "another method is for this path",
    "409": "what is there already is in the way",
    "412": "what is there is of no version that If-Match names",
    "413": "the body is too long",
    "415": "the body is of another type",
    "422": "a limit, or an Idempotency-Key that was used for something else",
    "500": "a mistake of the server, or what is stored cannot be loaded",
    "503": "try again",
    "504": "it took too long, or is not known to be on as many nodes as asked for",
}


_IN_PATHS = "/!$&'()*+,;=:@"
"""What stands for itself in the path of an address (RFC 3986, 3.3), beside letters, digits and ``-._~``."""


def described(routes: Sequence[Route], root: str) -> Mapping[str, Any]:
    """The description of the door that is mounted below the path ``root``."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "ProtoBase Live", "version": version("protobase-live")},
        "servers": [{"url": f"{quote(root, safe=_IN_PATHS)}/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _operation(route: Route) -> Mapping[str, Any]:
    says = dict(route.says)
    answers = {**says.pop("responses"), **{status: failure(reason) for status, reason in _REASONS.items()}}
    named = [piece[1:-1] for piece in route.path.split("/") if piece.startswith("{")]
    parameters = [_path_parameter(name) for name in named] + list(says.pop("parameters", ()))
    operation = {
        "operationId": route.handler.__name__.lstrip("_"),
        "summary": (route.handler.__doc__ or "").partition("\n")[0],
        "parameters": parameters,
        "responses": answers,
        **says,
    }
    return operation | ({"security": []} if route.is_open else {})


def _path_parameter(name: str) -> Schema:
    description, schema = _PATHS[name]
    return {"name": name, "in": "path", "required": True, "schema": schema, "description": description}


def failure(reason: str) -> Schema:
    """The answer of a request that is refused."""
    return {"description": reason, "content": {"application/json": {"schema": ref("Error")}}}


def told(status: str, schema: str, description: str, headers: Sequence[str] = ()) -> Mapping[str, Any]:
    """The answer of a request that is carried out, by its status."""
    response: dict[str, Any] = {
        "description": description,
        "content": {"application/json": {"schema": ref(schema)}},
    }
    if headers:
        response["headers"] = {name: {"schema": text()} for name in headers}
    return {status: response}


def documents(media_types: Mapping[str, str]) -> Mapping[str, Any]:
    """The content of a body that is a rich text, by its types."""
    return {
        each: {"schema": ref("Document") if each == "application/json" else text()}
        for each in media_types.values()
    }


def takes(schema: str) -> Mapping[str, Any]:
    """The body of a request."""
    return {"required": True, "content": {"application/json": {"schema": ref(schema)}}}
