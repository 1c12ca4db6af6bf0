"""What the demo answers over HTTP: its page, how it is, and what the page does to nodes and links."""

from __future__ import annotations

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, cast

from protobase_live.cli.demo.events import MAX_PAGES, Events
from protobase_live.cli.demo.links import Links
from protobase_live.cli.demo.node import HOST
from protobase_live.cli.demo.nodes import DemoNodes
from protobase_live.cli.demo.pages import DemoPage
from protobase_live.cli.demo.users import Users
from protobase_live.cli.demo.watch import Watch
from protobase_live.errors import ProtoBaseError, ValidationError
from protobase_live.server.asgi_types import Receive, Scope, Send
from protobase_live.server.counters import Counters
from protobase_live.server.limits import DEFAULT_SERVER_LIMITS
from protobase_live.server.origins import Origins
from protobase_live.server.rest.answers import STATUSES, Answer, Refusal, plain_page, send_answer
from protobase_live.server.rest.bodies import Bodies
from protobase_live.server.rest.request import headers_of, value_in_body, value_of

BODY_BYTES = 4096
"""Longest body of a request; a longer one is answered with 413."""

STRANGE = f"the demo is for pages of this machine: open it at {HOST} or localhost"


class Director:
    """An ASGI application."""

    def __init__(
        self, nodes: DemoNodes, links: Links, users: Users, watch: Watch, events: Events, pages: DemoPage
    ) -> None:
        self._nodes = nodes
        self._links = links
        self._users = users
        self._watch = watch
        self._events = events
        self._pages = pages
        self._origins = Origins((), HOST)
        self._bodies = Bodies(DEFAULT_SERVER_LIMITS, Counters())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = headers_of(scope)
        if self._is_strange(scope["path"], headers):
            await send_answer(send, _failed(HTTPStatus.FORBIDDEN, STRANGE))
        elif (scope["method"], scope["path"]) == ("GET", "/director/events") and not self._events.full:
            await self._events.stream(receive, send)
        else:
            await send_answer(send, await self._answer(scope, receive, headers))

    def _is_strange(self, path: str, headers: dict[str, str]) -> bool:
        """Whether a page of another site asks. It may lead to the page, and to nothing else."""
        origins = [headers["origin"]] if "origin" in headers else []
        if self._origins.request_refusal(origins, [headers.get("host", "")]):
            return True
        # Browsers say no origin for what a page only shows; its stream would still take a place.
        return path.startswith("/director/") and headers.get("sec-fetch-site") == "cross-site"

    async def _answer(self, scope: Scope, receive: Receive, headers: dict[str, str]) -> Answer:
        try:
            match scope["method"], scope["path"].split("/")[1:]:
                case "POST", ["director", *path]:
                    return await self._act(path, receive, headers)
                case (("GET" | "HEAD"), path):
                    return await self._show(path, scope["path"])
                case method, _:
                    return _failed(HTTPStatus.METHOD_NOT_ALLOWED, f"{method} is not served here")
        except Refusal as refusal:
            return _failed(refusal.status, str(refusal.error))
        except ProtoBaseError as error:
            return _failed(
                STATUSES[next(each for each in type(error).__mro__ if each in STATUSES)], str(error)
            )

    async def _show(self, path: Sequence[str], whole: str) -> Answer:
        match path:
            case ["healthz"]:
                return plain_page(HTTPStatus.OK, "ok\n")
            case ["director", "state"]:
                return self._state()
            case ["director", "events"]:
                return _failed(HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_PAGES} pages are told already")
            case ["director", *_]:
                return _failed(HTTPStatus.NOT_FOUND, f"nothing is at {whole}")
            case _:
                return await self._pages.answer(whole)

    async def _act(self, path: Sequence[str], receive: Receive, headers: dict[str, str]) -> Answer:
        body = await _object(await self._bodies.read(receive, None, BODY_BYTES), headers)
        match path:
            case ["nodes", name, ("kill" | "start") as verb] if name in self._nodes.all:
                node = self._nodes.all[name]
                await (node.kill() if verb == "kill" else node.start())
            case ["links", a, b, ("cut" | "heal") as verb] if (
                pair := (min(a, b), max(a, b))
            ) in self._links.pairs:
                (self._links.cut if verb == "cut" else self._links.heal)(pair)
            case ["users"]:
                if body.keys() != {"count"}:
                    raise ValidationError('the body says how many there are to be, as {"count": 10}')
                await self._users.become(body["count"])
            case _:
                return _failed(HTTPStatus.NOT_FOUND, f"nothing to do at /director/{'/'.join(path)}")
        self._events.change()
        return self._state()

    def _state(self) -> Answer:
        return _json(HTTPStatus.OK, self._watch.state())


async def _object(given: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """The body. A browser asks before it sends such a type for a page of another origin, and gets no answer.

    Raises ValidationError and Refusal.
    """
    typed = {"content-type": headers.get("content-type", "of no type")}
    body = await value_of(given, headers | typed, value_in_body)
    if not isinstance(body, dict):
        raise ValidationError("the body is a JSON object, {} where there is nothing to say")
    return cast("dict[str, Any]", body)


def _failed(status: HTTPStatus, why: str) -> Answer:
    return _json(status, {"error": why})


def _json(status: HTTPStatus, value: Any) -> Answer:
    return Answer(status, json.dumps(value).encode(), [("cache-control", "no-store")])
