"""Shared notes inside a FastAPI application, with its own login: see README.md beside this file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

from fastapi import Cookie, FastAPI, HTTPException, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel
from starlette.requests import HTTPConnection

import protobase_live as pb

HERE = Path(__file__).parent
PASSWORDS = {"ann": "apple", "bob": "banana"}
"""Yours are not in the code."""
SESSIONS: dict[str, str] = {}
"""Who is logged in, by the session that his browser has as a cookie."""


def user(session: str | None) -> str:
    """Whose session that is; his name is the author of what he writes."""
    if session not in SESSIONS:
        raise pb.Unauthorized("log in first")
    return SESSIONS[session]


def session_of(scope: MutableMapping[str, Any]) -> str | None:
    """Browsers send it as a cookie; programs, which have none, as a token."""
    connection = HTTPConnection(scope)
    return connection.cookies.get("session") or connection.query_params.get("token")


notes = pb.asgi(pb.open(os.environ.get("STORAGE", "file:./data")), authenticate=user, token=session_of)
scratch = pb.asgi(pb.open("memory:"))


async def count_words() -> None:
    """Python reads along: when the text changes, it writes how many words there are beside it."""
    page = await notes.database.collection("page")
    text = await page.text("text")
    async with page.changes() as changes:
        async for change in changes:
            if change.structure == "text":
                await page.put({"words": len((await text.value()).split())}, key="count")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """The databases are open as long as the application runs."""
    async with notes, scratch:
        counting = asyncio.create_task(count_words())
        yield
        counting.cancel()


app = FastAPI(lifespan=lifespan)
app.mount("/collab", notes)
app.mount("/scratch", scratch)


class Login(BaseModel):
    name: str
    password: str


@app.post("/login")
async def login(who: Login, response: Response) -> None:
    """Begin a session."""
    if PASSWORDS.get(who.name) != who.password:
        raise HTTPException(401, "there are ann, with the password apple, and bob, with banana")
    session = token_urlsafe()
    SESSIONS[session] = who.name
    response.set_cookie("session", session, httponly=True, samesite="lax")


@app.get("/me")
async def me(session: str | None = Cookie(None)) -> dict[str, str | None]:
    """Who is logged in."""
    return {"name": SESSIONS.get(session or "")}


@app.post("/stamp")
async def stamp(session: str | None = Cookie(None)) -> None:
    """Python writes along: everybody sees it at once, in his editor."""
    if session not in SESSIONS:
        raise HTTPException(401, "log in first")
    page = await notes.database.collection("page")
    await (await page.text("text")).append(f"\n{user(session)} was here, {datetime.now(UTC):%H:%M}\n")


@app.get("/")
async def index() -> FileResponse:
    """The page."""
    return FileResponse(HERE / "index.html")


@app.get("/main.js")
async def script() -> FileResponse:
    """What `npm run build` makes of main.js."""
    return FileResponse(HERE / "dist" / "main.js")
