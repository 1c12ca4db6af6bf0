"""All that the REST door does: the table of its routes."""

from __future__ import annotations

from typing import Any

from protobase_live.model.cursor import START
from protobase_live.rich_text import DIALECTS, TIPTAP
from protobase_live.server.rest import (
    collections,
    fragments,
    inspection,
    queries,
    records,
    texts,
    transactions,
)
from protobase_live.server.rest.answers import Answer, encoded
from protobase_live.server.rest.commits import MAX_KEY_CHARS
from protobase_live.server.rest.openapi import (
    described,
    documents,
    failure,
    header,
    limit,
    query,
    takes,
    text,
    told,
)
from protobase_live.server.rest.request import Request
from protobase_live.server.rest.routes import Route
from protobase_live.server.rest.services import Services

_ONCE = header(
    "Idempotency-Key",
    "who repeats a request with the same key is answered as before, and nothing is done twice",
    minLength=1,
    maxLength=MAX_KEY_CHARS,
)
_IF_MATCH = header("If-Match", "carry it out only if what is there has this ETag")
_IF_NONE_MATCH = header("If-None-Match", "the ETags that are known: what is of one of them is not sent again")
_IF_NOTHING = header("If-None-Match", "carry it out only if there is nothing", enum=["*"])
_KNOWN = {"304": {"description": "it is of the version that is known"}}
_AFTER = query("after", text(), "what the page before said is `next`")


async def describe(at: Services, request: Request) -> Answer:
    """This description."""
    return Answer(body=encoded(described(ROUTES, request.root)))


def _writes(schema: str | None, *conditions: Any, receipt: str = "KeyReceipt", status: str = "200") -> Any:
    found: dict[str, Any] = {
        "parameters": [*conditions, _ONCE],
        "responses": told(status, receipt, "done, and durable"),
    }
    return found if schema is None else found | {"requestBody": takes(schema)}


def _texts(path: str) -> list[Route]:
    """The routes of a text, wherever it is."""
    where = "field" if "{key}" in path else "text"
    read = {
        "parameters": [_IF_NONE_MATCH],
        "responses": {**told("200", "Text", "the whole text", ["ETag"]), **_KNOWN},
    }
    edit = _writes("Text", _IF_MATCH, receipt="Receipt")
    splice = _writes("Splice", _IF_MATCH, receipt="Receipt")
    return [
        Route("GET", path, texts.get_text, read | {"operationId": f"get_{where}"}),
        Route("PUT", path, texts.put_text, edit | {"operationId": f"put_{where}"}),
        Route("POST", f"{path}/append", texts.append_text, edit | {"operationId": f"append_{where}"}),
        Route("POST", f"{path}/splice", texts.splice_text, splice | {"operationId": f"splice_{where}"}),
    ]


def _fragments(path: str) -> list[Route]:
    """The routes of a rich text."""
    form = query(
        "form", text(enum=list(fragments.MEDIA_TYPES)), "as what it is told; else the header Accept says"
    )
    dialect = query(
        "dialect",
        text(enum=list(DIALECTS), default=TIPTAP),
        "for which editor text, HTML and Markdown are put into nodes",
    )
    read = told("200", "Document", "the whole rich text", ["ETag"])
    read["200"]["content"] = documents(fragments.MEDIA_TYPES)
    refused = {"406": failure("a rich text is of no type that Accept names")}
    write = _writes(None, dialect, _IF_MATCH, receipt="Receipt")
    write["requestBody"] = {"required": True, "content": documents(fragments.MEDIA_TYPES)}
    return [
        Route("GET", path, fragments.get_fragment, {"parameters": [form], "responses": {**read, **refused}}),
        Route("PUT", path, fragments.put_fragment, write, reads=fragments.content_in_body),
        Route("POST", f"{path}/append", fragments.append_fragment, write, reads=fragments.content_in_body),
    ]


_COLLECTION = "/collections/{collection}"
_RECORDS = f"{_COLLECTION}/records"
_RECORD = f"{_RECORDS}/{{key}}"

ROUTES: list[Route] = [
    Route(
        "GET",
        "/openapi.json",
        describe,
        {"responses": {"200": {"description": "this", "content": {"application/json": {"schema": {}}}}}},
        is_open=True,
    ),
    Route(
        "GET",
        "/collections",
        collections.list_collections,
        {
            "parameters": [
                query("prefix", text(), "how their names begin"),
                _AFTER,
                limit(collections.MOST_PAGE, collections.PAGE),
            ],
            "responses": told("200", "Collections", "a page of collections"),
        },
    ),
    Route(
        "DELETE",
        _COLLECTION,
        collections.drop_collection,
        {"responses": {"204": {"description": "done, and durable"}}},
    ),
    Route(
        "POST",
        f"{_COLLECTION}/erase",
        collections.erase_collection,
        {
            "requestBody": takes("Erase"),
            "responses": told("200", "Erasure", "nothing of it is left on the nodes that are done"),
        },
    ),
    Route(
        "GET",
        f"{_COLLECTION}/node",
        collections.find_node,
        {
            "responses": told(
                "200", "Place", "a node; its id and address are null where none says where it is"
            )
        },
    ),
    Route(
        "GET",
        f"{_COLLECTION}/changes",
        collections.stream_changes,
        {
            "parameters": [
                query(
                    "since",
                    text(),
                    f"a cursor; {START}: the beginning; from now on without one",
                ),
                query(
                    "structure",
                    {"type": "array", "items": text(pattern="^[a-z_]+:.")},
                    "KIND:NAME of a structure that Yjs clients alone write, such as text:body, to be told of "
                    "its changes, too; as often as you like",
                ),
                header("Last-Event-ID", "the cursor of the last event, as browsers send it"),
            ],
            "responses": {
                "200": {"description": "events", "content": {"text/event-stream": {"schema": text()}}}
            },
        },
    ),
    Route(
        "GET",
        _RECORDS,
        records.list_records,
        {
            "parameters": [_AFTER, limit(records.MOST_PAGE, records.PAGE)],
            "responses": told("200", "Records", "a page of records"),
        },
    ),
    Route("POST", _RECORDS, records.insert_record, _writes("Record", status="201")),
    Route(
        "GET",
        _RECORD,
        records.get_record,
        {
            "parameters": [_IF_NONE_MATCH],
            "responses": {**told("200", "Record", "its fields", ["ETag"]), **_KNOWN},
        },
    ),
    Route("PUT", _RECORD, records.put_record, _writes("Record", _IF_MATCH, _IF_NOTHING)),
    Route("PATCH", _RECORD, records.patch_record, _writes("Record", _IF_MATCH)),
    Route("DELETE", _RECORD, records.delete_record, _writes(None, _IF_MATCH)),
    *_texts(f"{_COLLECTION}/texts/{{text}}"),
    *_texts(f"{_RECORD}/texts/{{field}}"),
    *_fragments(f"{_COLLECTION}/fragments/{{fragment}}"),
    Route(
        "POST",
        "/query",
        queries.query,
        {"requestBody": takes("Query"), "responses": told("200", "Rows", "the rows, or the explanation")},
    ),
    Route(
        "GET",
        "/named/{name}",
        queries.named,
        {"responses": told("200", "Rows", "the rows; each other parameter is one of the query")},
        takes_any=True,
    ),
    Route(
        "GET",
        "/inspection",
        inspection.inspect,
        {
            "parameters": [
                query("prefix", text(), "how their names begin"),
                inspection.LOADED,
                _AFTER,
                limit(collections.MOST_PAGE, collections.PAGE),
            ],
            "responses": {
                "200": {
                    "description": "how the server is, and a page of its collections",
                    "content": {"application/json": {"schema": inspection.INSPECTION}},
                }
            },
        },
    ),
    Route("POST", "/transactions", transactions.transact, _writes("Transaction", receipt="Receipt")),
]
