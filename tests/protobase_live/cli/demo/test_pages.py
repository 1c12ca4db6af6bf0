"""The files of the page."""

from http import HTTPStatus

import pytest

from protobase_live.cli.demo.pages import DemoPage


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "demo"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<p>page")
    (folder / "assets" / "main-1a2b.js").write_text("run()")
    (folder / "odd.exe").write_text("odd")
    (tmp_path / "secret.js").write_text("secret")
    (folder / "link.js").symlink_to(tmp_path / "secret.js")
    return DemoPage(folder)


async def test_the_page_and_what_it_loads(files):
    page, program = await files.answer("/"), await files.answer("/assets/main-1a2b.js")
    assert (page.status, page.body, page.type) == (HTTPStatus.OK, b"<p>page", "text/html; charset=utf-8")
    assert (program.body, program.type) == (b"run()", "text/javascript; charset=utf-8")
    assert dict(page.headers)["cache-control"] == "no-cache"
    assert dict(program.headers)["cache-control"] == "max-age=31536000, immutable"
    assert dict(page.headers)["x-content-type-options"] == "nosniff"
    assert dict(page.headers)["content-security-policy"] == "frame-ancestors 'none'"


@pytest.mark.parametrize(
    "path",
    [
        "/none.html",
        "/assets",
        "/assets/",
        "/odd.exe",
        "/../secret.js",
        "/link.js",
        "//etc/passwd",
        "/a\0.js",
    ],
)
async def test_nothing_else_is_served(files, path):
    assert (await files.answer(path)).status is HTTPStatus.NOT_FOUND


async def test_a_page_that_is_not_built_says_how_to_build_it(tmp_path):
    files = DemoPage(tmp_path)
    told = await files.answer("/")
    assert (files.is_built, told.status) == (False, HTTPStatus.SERVICE_UNAVAILABLE)
    assert b"make demo" in told.body
    (tmp_path / "index.html").write_text("<p>page")  # while the demo runs
    assert (await files.answer("/")).body == b"<p>page"
