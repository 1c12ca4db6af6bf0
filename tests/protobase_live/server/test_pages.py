"""The page at `/` and its files, over both stacks that serve HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from protobase_live.database.database import Database
from protobase_live.server import pages
from protobase_live.server.asgi import asgi
from protobase_live.server.server import Server
from protobase_storage import MemoryStorage
from tests.support.asgi_client import call

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ASSET = "/inspector/assets/index-1a2b.js"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a page that was built."""
    folder = tmp_path / "inspector"
    (folder / "inspector" / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>é</title>")
    (folder / ASSET[1:]).write_text("'ü'")
    (folder / "inspector" / "assets" / "notes.txt").write_text("of nobody's concern")
    (tmp_path / "secret.js").write_text("secret")
    monkeypatch.setattr(pages, "INSPECTOR", folder)
    return folder


@pytest.fixture
async def database() -> AsyncIterator[Database]:
    async with Database(MemoryStorage()) as database:
        yield database


async def ask(
    server: Server, method: str, *paths: str, accept: str = BROWSER, host: str = "127.0.0.1"
) -> list[tuple[HTTPResponse, bytes]]:
    """What is answered on one connection."""

    def run() -> list[tuple[HTTPResponse, bytes]]:
        connection = HTTPConnection("127.0.0.1", server.port)
        found: list[tuple[HTTPResponse, bytes]] = []
        for path in paths:
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", host)
            connection.putheader("Accept", accept)
            connection.endheaders()
            response = connection.getresponse()
            found.append((response, response.read()))
        connection.close()
        return found

    return await asyncio.to_thread(run)


@pytest.mark.parametrize("before", [[], ["/api/v1/openapi.json"]], ids=["first", "behind another"])
async def test_a_browser_is_given_the_page_and_others_the_doors(database, built: Path, before) -> None:
    async with Server(database, port=0) as server:
        page, body = (await ask(server, "GET", *before, "/"))[-1]
        assert (page.status, body.decode()) == (200, "<title>é</title>")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert (page.headers["cache-control"], page.headers["vary"]) == ("no-cache", "Accept")
        assert page.headers["x-content-type-options"] == "nosniff"
        policy = page.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= {*policy}
        assert "unsafe" not in page.headers["content-security-policy"]
        asset, body = (await ask(server, "GET", *before, ASSET))[-1]
        assert (asset.status, body.decode()) == (200, "'ü'")
        assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
        assert asset.headers["cache-control"] == "max-age=31536000, immutable"
        doors, body = (await ask(server, "GET", *before, "/", accept="*/*"))[-1]
        assert (body.decode(), doors.headers["vary"]) == (pages.DOORS, "Accept")
        assert doors.headers["content-type"] == "text/plain; charset=utf-8"


async def test_head(database, built: Path) -> None:
    async with Server(database, port=0) as server:
        for path, length in (("/", 17), (ASSET, 4)):
            [(response, body)] = await ask(server, "HEAD", path)
            assert (response.status, response.headers["content-length"], body) == (200, str(length), b"")
        [(response, _)] = await ask(server, "POST", "/")
        assert (response.status, response.headers["allow"]) == (405, "GET, HEAD")


OUTSIDE = [
    "/inspector/../secret.js",
    "/inspector/../../secret.js",
    "/inspector/%2e%2e/%2e%2e/secret.js",
    "/inspector/..%2f..%2fsecret.js",
    "/inspector//../../../secret.js",
    "/inspector/assets/%00.js",
    "/inspector/link.js",
    "/inspector/assets/notes.txt",
    "/inspector/assets",
    "/inspector/",
    "/inspector/nothing.js",
    "//secret.js",
]


@pytest.mark.parametrize("before", [[], ["/api/v1/openapi.json"]], ids=["first", "behind another"])
async def test_nothing_else_is_given(database, built: Path, before) -> None:
    (built / "inspector" / "link.js").symlink_to(built.parent / "secret.js")
    async with Server(database, port=0) as server:
        for path in OUTSIDE:
            response, body = (await ask(server, "GET", *before, path))[-1]
            assert (response.status, body[:7]) == (404, b"no door"), path


@pytest.mark.parametrize("before", [[], ["/api/v1/openapi.json"]], ids=["first", "behind another"])
async def test_figures_are_not_for_pages_whose_name_was_made_to_stand_for_this_machine(
    database, before
) -> None:
    async with Server(database, port=0) as server:
        for host in ("evil.example", "evil.example@localhost"):
            response, body = (await ask(server, "GET", *before, "/metrics", host=host))[-1]
            assert (response.status, f"'{host}' is no name of this machine" in body.decode()) == (403, True)
            assert (await ask(server, "GET", *before, "/healthz", host=host))[-1][0].status == 200
        assert (await ask(server, "GET", *before, "/metrics", host="localhost"))[-1][0].status == 200
    async with Server(database, port=0, origins=["https://evil.example"]) as server:
        assert (await ask(server, "GET", *before, "/metrics", host="evil.example"))[-1][0].status == 200


async def test_a_page_that_is_not_built(database, built: Path) -> None:
    (built / "index.html").unlink()
    async with Server(database, port=0) as server:
        [(response, body)] = await ask(server, "GET", "/")
        assert (response.status, response.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert body.decode() == pages.DOORS + pages.NOT_BUILT
        assert "npm run build" in body.decode()


async def test_it_may_be_switched_off(database, built: Path) -> None:
    async with Server(database, port=0, inspector=False) as server:
        assert (await ask(server, "GET", "/"))[0][1].decode() == pages.DOORS
        assert (await ask(server, "GET", ASSET))[0][0].status == 404
        assert (await ask(server, "GET", "/api/v1/inspection"))[0][0].status == 404


async def test_in_an_application_where_it_is_switched_on(database, built: Path) -> None:
    on, off = asgi(database, inspector=True), asgi(database)
    page = await call(on, "GET", "/", accept=BROWSER)
    assert (page.status, page.body.decode()) == (200, "<title>é</title>")
    assert (await call(on, "GET", ASSET)).body.decode() == "'ü'"
    assert (await call(on, "GET", "/api/v1/inspection")).status == 200
    assert b"yjs/<collection>" in (await call(on, "GET", "/")).body
    for path in (*OUTSIDE, "/nothing"):
        assert (await call(on, "GET", path)).status == 404
    assert (await call(on, "POST", "/", accept=BROWSER)).status == 404
    for path in ("/", ASSET, "/api/v1/inspection"):
        assert (await call(off, "GET", path, accept=BROWSER)).status == 404
