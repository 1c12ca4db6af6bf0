"""Rich texts over REST."""

from __future__ import annotations

import pytest

from tests.support.asgi_client import call

PAGE = "/api/v1/collections/notes/fragments/page"
PLAN = {
    "type": "doc",
    "content": [
        {"type": "heading", "attrs": {"level": 2}, "content": [{"type": "text", "text": "A plan"}]},
        {"type": "paragraph", "content": [{"type": "text", "text": "so", "marks": [{"type": "bold"}]}]},
    ],
}


async def test_a_document_is_written_and_read_in_all_forms(rest, database) -> None:
    assert (await call(rest, "PUT", PAGE, PLAN)).status == 200
    assert (await call(rest, "GET", PAGE)).json == PLAN
    for form, expected in {
        "html": "<h2>A plan</h2><p><strong>so</strong></p>",
        "markdown": "## A plan\n\n**so**",
        "text": "A plan\nso",
    }.items():
        read = await call(rest, "GET", f"{PAGE}?form={form}")
        assert read.body.decode() == expected
        assert read.headers["content-security-policy"] == "default-src 'none'; sandbox"
    page = (await database.collection("notes")).xml_fragment("page")
    assert await page.read() == PLAN


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/*;q=0.5, application/json;q=0.4", "text/html; charset=utf-8"),
        ("text/html;q=0, text/*", "text/markdown; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
    ],
)
async def test_a_form_is_accepted(rest, accept, kind) -> None:
    await call(rest, "PUT", PAGE, PLAN)
    read = await call(rest, "GET", PAGE, accept=accept)
    assert (read.status, read.headers["content-type"]) == (200, kind)


async def test_forms_are_written(rest) -> None:
    for kind, body in {
        "text/html; charset=utf-8": b"<p>one",
        "text/markdown": "**zwö**".encode(),
        "text/plain": b"three\nfour",
    }.items():
        sent = await call(rest, "POST", f"{PAGE}/append", body, content_type=kind)
        assert sent.status == 200
    read = await call(rest, "GET", f"{PAGE}?form=text")
    assert read.body.decode() == "one\nzwö\nthree\nfour"
    late = await call(rest, "PUT", PAGE, PLAN, if_match='"0"')
    assert late.status == 412
    assert (await call(rest, "PUT", PAGE, PLAN, if_match=read.headers["etag"])).status == 200


@pytest.mark.parametrize("dialect", ["tiptap", "prosemirror", "blocknote"])
@pytest.mark.parametrize("kind", ["text/html", "text/markdown", "text/plain"])
async def test_an_empty_document_is_written_as_it_is_read(rest, kind, dialect) -> None:
    page = f"{PAGE}?dialect={dialect}"
    empty = (await call(rest, "GET", PAGE, accept=kind)).body
    await call(rest, "PUT", page, b"hello", content_type="text/plain")
    assert (await call(rest, "POST", page.replace("?", "/append?"), empty, content_type=kind)).status == 200
    assert (await call(rest, "GET", f"{PAGE}?form=text")).body == b"hello"
    assert (await call(rest, "PUT", page, empty, content_type=kind)).status == 200
    assert (await call(rest, "GET", f"{PAGE}?form=text")).body == empty == b""


async def test_no_body_is_no_json(rest) -> None:
    assert (await call(rest, "PUT", PAGE)).status == 400


async def test_attributes_are_json_as_it_is(rest) -> None:
    attrs = {"at": {"@": "date", "v": "2024-01-01"}, "list": [1, 2.5, True, None]}
    document = {"type": "doc", "content": [{"type": "mention", "attrs": attrs}]}
    await call(rest, "PUT", PAGE, document)
    assert (await call(rest, "GET", PAGE)).json == document


async def test_the_same_key_is_not_for_another_dialect(rest) -> None:
    key = {"content_type": "text/plain", "idempotency_key": "1"}
    assert (await call(rest, "PUT", f"{PAGE}?dialect=tiptap", b"a", **key)).status == 200
    assert (await call(rest, "PUT", f"{PAGE}?dialect=blocknote", b"a", **key)).status == 422


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "message"),
    [
        ("", {"type": "doc", "content": [{"type": "text", "text": "a"}]}, {}, 400, "put it into a block"),
        (
            "?dialect=word",
            b"a",
            {"content_type": "text/plain"},
            400,
            "expected tiptap, prosemirror, blocknote",
        ),
        ("", b"a", {"content_type": "text/rtf"}, 415, "a rich text is application/json, text/html"),
        ("", b"<table><tr><td>a", {"content_type": "text/html"}, 400, "a table has no place"),
        ("", b"\xff", {"content_type": "text/plain"}, 400, "cannot be read"),
        ("", b"{", {"content_type": "application/json"}, 400, "cannot be read"),
        (
            "?dialect=blocknote",
            b"a",
            {"content_type": "text/plain"},
            400,
            "would delete what it does not know",
        ),
    ],
)
async def test_what_is_wrong(rest, path, body, headers, status, message) -> None:
    await call(rest, "PUT", PAGE, PLAN)
    answer = await call(rest, "PUT", PAGE + path, body, **headers)
    assert answer.status == status
    assert message in answer.json["error"]["message"]


async def test_no_form_that_there_is(rest) -> None:
    assert (await call(rest, "GET", f"{PAGE}?form=rtf")).status == 400
    assert (await call(rest, "GET", PAGE, accept="image/png")).status == 406
