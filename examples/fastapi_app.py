"""Shared notes inside a FastAPI application, with its own login.

    pip install protobase-live fastapi uvicorn
    uvicorn fastapi_app:app

Open http://127.0.0.1:8000/login/ann in one browser and http://127.0.0.1:8000/login/bob in another, and type.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from fastapi import Cookie, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.requests import HTTPConnection

import protobase_live as pb

SESSIONS = {"ann-7f3a": "ann", "bob-c291": "bob"}
"""Who is logged in, by the cookie that the browser has. Yours are not in the code."""


def who(token: str | None) -> str:
    """The user that a token stands for; his name is the author of what he writes."""
    if token not in SESSIONS:
        raise pb.Unauthorized("log in first: /login/ann")
    return SESSIONS[token]


def cookie_or_token(scope: MutableMapping[str, Any]) -> str | None:
    """Browsers send the cookie; programs, which have none, a token."""
    connection = HTTPConnection(scope)
    return connection.cookies.get("session") or connection.query_params.get("token")


notes = pb.asgi(pb.open(os.environ.get("STORAGE", "file:./data")), authenticate=who, token=cookie_or_token)
scratch = pb.asgi(pb.open("memory:"))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The databases are open as long as the application runs."""
    async with notes, scratch:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/collab", notes)
app.mount("/scratch", scratch)


@app.get("/login/{name}")
async def login(name: str) -> RedirectResponse:
    """Log in, as whoever one likes."""
    session = next((key for key, user in SESSIONS.items() if user == name), None)
    if session is None:
        raise HTTPException(404, "there are ann and bob")
    answer = RedirectResponse("/")
    answer.set_cookie("session", session, httponly=True, samesite="lax")
    return answer


@app.post("/stamp")
async def stamp(session: str | None = Cookie(None)) -> dict[str, str]:
    """Python writes along: everybody sees it at once, in his editor."""
    page = await notes.database.collection("page")
    text = await page.text("text")
    await text.append(f"\n{who(session)} was here, {datetime.now(UTC):%H:%M}\n")
    return {"text": await text.value()}


@app.get("/")
async def index() -> HTMLResponse:
    """The editor."""
    return HTMLResponse(PAGE)


PAGE = """<!doctype html>
<title>Shared notes</title>
<textarea id="editor" rows="20" cols="80"></textarea>
<button onclick="fetch('/stamp', {method: 'POST'})">stamp</button>
<script type="module">
  import * as Y from 'https://esm.sh/yjs@13'
  import { WebsocketProvider } from 'https://esm.sh/y-websocket@3?deps=yjs@13'

  const ydoc = new Y.Doc(), text = ydoc.getText('text'), editor = document.getElementById('editor')
  const at = location.origin.replace(/^http/, 'ws') + '/collab/yjs'
  new WebsocketProvider(at, 'page', ydoc)
  text.observe(() => { if (editor.value !== text.toString()) editor.value = text.toString() })
  editor.addEventListener('input', () => {
    const before = text.toString(), now = editor.value
    let start = 0, end = 0
    while (start < before.length && before[start] === now[start]) start++
    while (end < before.length - start && end < now.length - start
           && before[before.length - 1 - end] === now[now.length - 1 - end]) end++
    ydoc.transact(() => {
      text.delete(start, before.length - start - end)
      text.insert(start, now.slice(start, now.length - end))
    })
  })
</script>
"""
