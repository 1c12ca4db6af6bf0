"""What the demo answers over HTTP."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from protobase_actors import ManualClock
from protobase_live.cli.demo.director import BODY_BYTES, Director
from protobase_live.cli.demo.events import MAX_PAGES, Events
from protobase_live.cli.demo.pages import DemoPage
from protobase_live.errors import Unavailable, ValidationError

JSON = {"content-type": "application/json"}


class Demo:
    """A director of what notes what is done to it."""

    def __init__(self, folder) -> None:
        self.done: list[object] = []
        self.fault: Exception | None = None
        names, pairs = ("n1", "n2", "n3"), [("n1", "n2"), ("n1", "n3"), ("n2", "n3")]
        nodes = SimpleNamespace(all={name: self._node(name) for name in names})
        links = SimpleNamespace(
            pairs=pairs,
            cut=lambda pair: self.done.append(("cut", pair)),
            heal=lambda pair: self.done.append(("heal", pair)),
        )
        self.events = Events(ManualClock())
        self._director = Director(
            nodes,
            links,
            SimpleNamespace(become=self._become),
            SimpleNamespace(state=lambda: {"done": len(self.done)}),
            self.events,
            DemoPage(folder),
        )

    def _node(self, name):
        async def note(verb) -> None:
            if self.fault is not None:
                raise self.fault
            self.done.append((verb, name))

        return SimpleNamespace(kill=lambda: note("kill"), start=lambda: note("start"))

    async def _become(self, count) -> None:
        if count != 7:
            raise ValidationError("count")
        self.done.append(("users", count))

    async def ask(self, method, path, body=b"", headers=None):
        """The status and what is said."""
        told = []
        parts = [{"type": "http.request", "body": body}]
        never = asyncio.Event()

        async def receive():
            if not parts:
                await never.wait()
            return parts.pop(0)

        async def send(message):
            told.append(message)

        given = {"host": "127.0.0.1:8768", **(headers or {})}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }
        await self._director(scope, receive, send)
        return told[0]["status"], b"".join(each.get("body", b"") for each in told)

    async def act(self, path, body=b"{}", headers=None):
        status, told = await self.ask("POST", f"/director/{path}", body, JSON | (headers or {}))
        return status, json.loads(told)


@pytest.fixture
def demo(tmp_path):
    return Demo(tmp_path)


async def test_how_it_is(demo):
    assert await demo.ask("GET", "/director/state") == (200, b'{"done": 0}')
    assert await demo.ask("GET", "/healthz") == (200, b"ok\n")
    assert (await demo.ask("GET", "/"))[0] == 503  # the page is not built


@pytest.mark.parametrize(
    ("path", "done"),
    [
        ("nodes/n2/kill", ("kill", "n2")),
        ("nodes/n3/start", ("start", "n3")),
        ("links/n1/n3/cut", ("cut", ("n1", "n3"))),
        ("links/n3/n1/heal", ("heal", ("n1", "n3"))),
    ],
)
async def test_what_a_page_does_is_done_and_answered_with_how_it_is_then(demo, path, done):
    assert await demo.act(path) == (200, {"done": 1})
    assert demo.done == [done]


async def test_users_come_and_go(demo):
    assert await demo.act("users", b'{"count": 7}') == (200, {"done": 1})
    assert demo.done == [("users", 7)]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "error"),
    [
        ("nodes/n4/kill", b"{}", {}, 404, "nothing to do at /director/nodes/n4/kill"),
        ("nodes/n1/stop", b"{}", {}, 404, "nothing to do"),
        ("links/n1/n1/cut", b"{}", {}, 404, "nothing to do"),
        ("links/n1/cut", b"{}", {}, 404, "nothing to do"),
        ("users", b'{"count": 8}', {}, 400, "count"),
        ("users", b"{}", {}, 400, '{"count": 10}'),
        ("nodes/n1/kill", b"[]", {}, 400, "JSON object"),
        ("nodes/n1/kill", b"", {}, 400, "JSON object"),
        ("nodes/n1/kill", b"{", {}, 400, "cannot be read"),
        ("nodes/n1/kill", b"{}", {"content-type": "text/plain"}, 415, "application/json"),
        ("nodes/n1/kill", b"{}", {"content-type": ""}, 415, "application/json"),
        ("nodes/n1/kill", b" " * (BODY_BYTES + 1), {}, 413, str(BODY_BYTES)),
        ("nodes/n1/kill", b"{}", {"host": "evil.example"}, 403, "localhost"),
        ("nodes/n1/kill", b"{}", {"origin": "http://evil.example"}, 403, "localhost"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_said_and_nothing_is_done(demo, path, body, headers, status, error):
    found, told = await demo.act(path, body, headers)
    assert found == status
    assert error in told["error"]
    assert not demo.done


async def test_a_page_of_another_origin_is_not_allowed_to_send_json(demo):
    """Its browser asks before it sends any."""
    asks = {"origin": "http://localhost:1", "access-control-request-headers": "content-type"}
    status, told = await demo.ask("OPTIONS", "/director/nodes/n1/kill", headers=asks)
    assert (status, json.loads(told)) == (405, {"error": "OPTIONS is not served here"})


@pytest.mark.parametrize("path", ["/director/state", "/director/events"])
async def test_a_page_of_another_site_that_says_no_origin_learns_nothing_and_takes_no_place(demo, path):
    """Browsers say none for what a page shows, an image for instance."""
    headers = {"host": "localhost:8800", "sec-fetch-site": "cross-site"}
    async with asyncio.timeout(10):  # a stream would never end
        status, told = await demo.ask("GET", path, headers=headers)
    assert (status, len(demo.events)) == (403, 0)
    assert "localhost" in json.loads(told)["error"]


async def test_a_link_of_another_site_opens_the_page(demo):
    headers = {"host": "localhost:8800", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert (await demo.ask("GET", "/", headers=headers))[0] == 503  # the page is not built


async def test_a_body_without_a_type_is_refused(demo):
    status, _ = await demo.ask("POST", "/director/nodes/n1/kill", b"{}")
    assert (status, demo.done) == (415, [])


async def test_a_node_that_does_not_start_is_told_of(demo):
    demo.fault = Unavailable("node n1 of the demo did not start")
    assert await demo.act("nodes/n1/start") == (503, {"error": "node n1 of the demo did not start"})


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/director/none", 404), ("PUT", "/director/users", 405)]
)
async def test_nothing_else_is_there(demo, method, path, status):
    found, told = await demo.ask(method, path)
    assert (found, "error" in json.loads(told)) == (status, True)


async def test_a_page_too_many_is_told_so(demo):
    pages = [asyncio.ensure_future(demo.ask("GET", "/director/events")) for _ in range(MAX_PAGES)]
    await ManualClock().settle()
    status, told = await demo.ask("GET", "/director/events")
    assert (status, json.loads(told)) == (503, {"error": f"{MAX_PAGES} pages are told already"})
    demo.events.close()
    assert [status for status, _ in await asyncio.gather(*pages)] == [200] * MAX_PAGES
