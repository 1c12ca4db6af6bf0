"""Texts over REST."""

from __future__ import annotations

import pytest

from protobase_live import Atom, Text
from tests.support.asgi_client import call

NOTES = "/api/v1/collections/notes/texts/body"


class Page(Atom):
    body: Text = ""


async def test_a_text_is_written_and_read(rest, database) -> None:
    await call(rest, "POST", f"{NOTES}/append", {"text": "Hé🙂lo"})
    await call(rest, "POST", f"{NOTES}/splice", {"index": 3, "delete": 1, "insert": "l!"})
    read = await call(rest, "GET", NOTES)
    assert read.json == {"text": "Hé🙂l!o"}
    await call(rest, "POST", f"{NOTES}/splice", {"index": 4, "delete": 2})
    await call(rest, "POST", f"{NOTES}/splice", {"index": 0, "insert": ">"})
    assert await (await (await database.collection("notes")).text("body")).value() == ">Hé🙂l"
    late = await call(rest, "PUT", NOTES, {"text": "new"}, if_match=read.headers["etag"])
    assert late.status == 412
    assert (await call(rest, "PUT", NOTES, {"text": "new"})).status == 200
    assert (await call(rest, "GET", NOTES)).json == {"text": "new"}


async def test_a_text_that_is_known_is_not_sent_again(rest) -> None:
    await call(rest, "PUT", NOTES, {"text": "a"})
    version = (await call(rest, "GET", NOTES)).headers["etag"]
    for known in (version, f"W/{version}"):
        told = await call(rest, "GET", NOTES, if_none_match=known)
        assert (told.status, told.headers, told.body) == (304, {"etag": version}, b"")
    await call(rest, "PUT", NOTES, {"text": "b"})
    assert (await call(rest, "GET", NOTES, if_none_match=version)).json == {"text": "b"}


async def test_a_text_in_a_record(rest, database) -> None:
    pages = await database.collection("pages", Page)
    await pages.insert(Page(body="a"), key="p")
    await call(rest, "POST", "/api/v1/collections/pages/records/p/texts/body/append", {"text": "b"})
    assert await pages.get("p") == Page(body="ab")


async def test_what_is_wrong(rest) -> None:
    beyond = await call(rest, "POST", f"{NOTES}/splice", {"index": 1, "insert": "x"})
    assert (beyond.status, beyond.error) == (400, "ValidationError")
    nowhere = await call(rest, "POST", "/api/v1/collections/pages/records/p/texts/body/append", {"text": ""})
    assert (nowhere.status, nowhere.error) == (404, "RecordMissing")


@pytest.mark.parametrize(
    "wrong", [{"index": None}, {"index": True}, {"index": -1}, {"index": 0, "delete": False}]
)
async def test_a_splice_takes_integers_alone(rest, wrong) -> None:
    refused = await call(rest, "POST", f"{NOTES}/splice", {**wrong, "insert": "x"})
    assert (refused.status, refused.error) == (400, "ValidationError")
    assert (await call(rest, "GET", NOTES)).json == {"text": ""}
